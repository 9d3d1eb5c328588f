//! Leaves of the outgoing walk: strings, big integers, buffers, regular expressions, boxed primitives.

use deno_core::v8;

use super::from_v8::{Walked, Walker};
use super::guard::Failure;
use super::wire::{self, Write};
use crate::engine::State;
use crate::error::Error;
use crate::loan::{self, Form, Loan};
use crate::memory::Store;
use crate::value::Value;

/// Appends a string with the tag that fits its characters.
pub(super) fn write_string(scope: &mut v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>, out: &mut Vec<u8>) {
    let view = v8::ValueView::new(scope, text);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) => out.latin1(bytes),
        v8::ValueViewData::TwoByte(units) => {
            out.push(wire::UTF16);
            out.varint(units.len() as u64 * 2);
            // SAFETY: any initialised u16 slice is readable as twice as many bytes.
            out.extend_from_slice(unsafe { std::slice::from_raw_parts(units.as_ptr().cast::<u8>(), units.len() * 2) });
        }
    }
}

/// Appends a BigInt.
pub(super) fn write_bigint(value: v8::Local<'_, v8::BigInt>, out: &mut Vec<u8>) {
    let mut words = vec![0u64; value.word_count()];
    let (negative, words) = value.to_words_array(&mut words);
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    out.bigint(negative, &bytes);
}

/// V8's sub-tag of a typed array or data view.
pub(super) fn view_tag(view: v8::Local<'_, v8::ArrayBufferView>) -> u8 {
    let value: v8::Local<'_, v8::Value> = view.into();
    if value.is_uint8_array() {
        b'B'
    } else if value.is_int8_array() {
        b'b'
    } else if value.is_uint8_clamped_array() {
        b'C'
    } else if value.is_int16_array() {
        b'w'
    } else if value.is_uint16_array() {
        b'W'
    } else if value.is_int32_array() {
        b'd'
    } else if value.is_uint32_array() {
        b'D'
    } else if value.is_float32_array() {
        b'f'
    } else if value.is_float64_array() {
        b'F'
    } else if value.is_big_int64_array() {
        b'q'
    } else if value.is_big_uint64_array() {
        b'Q'
    } else if value.is_typed_array() {
        // The one kind left: Float16Array.
        b'h'
    } else {
        b'?'
    }
}

/// The memory that a view covers; `None` where only a copy will do.
pub(super) fn view_store(scope: &mut v8::PinScope<'_, '_>, view: v8::Local<'_, v8::ArrayBufferView>) -> Option<Store> {
    let (offset, length, kind) = (view.byte_offset(), view.byte_length(), view_tag(view));
    Store::new(view.buffer(scope)?.get_backing_store(), offset, length, kind)
}

/// The memory of an array buffer; `None` where only a copy will do.
pub(super) fn buffer_store(buffer: v8::Local<'_, v8::ArrayBuffer>) -> Option<Store> {
    Store::new(buffer.get_backing_store(), 0, buffer.byte_length(), b'B')
}

/// Appends the bytes a view covers. A detached view is empty.
pub(super) fn write_view(view: v8::Local<'_, v8::ArrayBufferView>, out: &mut Vec<u8>) {
    let length = view.byte_length();
    out.push(wire::VIEW);
    out.push(view_tag(view));
    out.varint(length as u64);
    out.reserve(length);
    let copied = view.copy_contents_uninit(&mut out.spare_capacity_mut()[..length]);
    debug_assert_eq!(copied, length);
    // SAFETY: V8 wrote that many bytes behind the old end.
    unsafe { out.set_len(out.len() + copied) };
}

/// Appends the bytes of an array buffer.
pub(super) fn write_buffer(buffer: v8::Local<'_, v8::ArrayBuffer>, out: &mut Vec<u8>) {
    let length = buffer.byte_length();
    out.push(wire::BUFFER);
    out.varint(length as u64);
    if let Some(data) = buffer.data() {
        // SAFETY: `data` points at `byte_length` bytes of the buffer's store, which lives while the handle does; only this thread runs JavaScript
        // that could write it.
        out.extend_from_slice(unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), length) });
    }
}

/// A string that is a whole value.
pub(super) fn string_value(
    scope: &mut v8::PinScope<'_, '_>,
    state: &State,
    text: v8::Local<'_, v8::String>,
) -> Result<Value, Option<Error>> {
    let config = &state.shared.config;
    if text.length() > config.max_bytes {
        return Err(Some(Failure::new(config.too_large()).into_error()));
    }
    let view = v8::ValueView::new(scope, text);
    Ok(match view.data() {
        v8::ValueViewData::OneByte(bytes) => Value::Latin1(state.shared.spares.copy(bytes)),
        v8::ValueViewData::TwoByte(units) => Value::Utf16(units.to_vec()),
    })
}

/// Whether a result of this many bytes is lent.
fn may_lend(state: &State, length: usize) -> bool {
    /// Room that the notation takes for a buffer.
    const HEAD: usize = 16;
    // Rejections are told before the result is: their getters run, and may do as they like with what is lent.
    length >= loan::LEAST && length + HEAD <= state.shared.config.max_bytes && !state.has_rejections() && state.shared.lending.may()
}

/// A large string that is a whole value, where it is.
pub(super) fn lend_text(scope: &mut v8::PinScope<'_, '_>, state: &State, text: v8::Local<'_, v8::String>) -> Option<Loan> {
    if !may_lend(state, text.length()) {
        return None;
    }
    let view = v8::ValueView::new(scope, text);
    let v8::ValueViewData::OneByte(bytes) = view.data() else { return None };
    // SAFETY: a string of this size has pages of its own, which V8's collector never moves, and none is changed.
    Some(unsafe { Loan::new(Form::Text, bytes, None) })
}

/// A large buffer that is a whole value, where it is.
pub(super) fn lend_buffer(scope: &mut v8::PinScope<'_, '_>, state: &State, value: v8::Local<'_, v8::Value>) -> Option<Loan> {
    let store = if state.shared.config.share_buffers {
        None
    } else if value.is_array_buffer_view() {
        let view = value.cast::<v8::ArrayBufferView>();
        if may_lend(state, view.byte_length()) { view_store(scope, view) } else { None }
    } else if value.is_array_buffer() {
        let buffer = value.cast::<v8::ArrayBuffer>();
        if may_lend(state, buffer.byte_length()) { buffer_store(buffer) } else { None }
    } else {
        None
    }?;
    // SAFETY: the store is kept with them, and only this isolate's JavaScript writes there.
    Some(unsafe {
        Loan::new(Form::Bytes(store.kind), std::slice::from_raw_parts(store.address() as *const u8, store.length()), Some(store))
    })
}

impl<'s> Walker<'s, '_> {
    pub(super) fn regexp(&mut self, scope: &mut v8::PinScope<'s, '_>, regexp: v8::Local<'s, v8::RegExp>) -> Walked {
        let source = regexp.get_source(scope);
        let name = v8::String::new(scope, "flags").map(v8::Local::<v8::Value>::from);
        let flags = self.read(scope, |scope| regexp.get(scope, name?))?;
        self.wire.bytes.push(wire::REGEXP);
        write_string(scope, source, &mut self.wire.bytes);
        if !flags.is_string() {
            return Err(Failure::new("the flags of this RegExp are not a string"));
        }
        write_string(scope, flags.cast(), &mut self.wire.bytes);
        Ok(())
    }

    /// Unwraps `new Number(1)` and the like. The number it took stays unused, on both sides.
    pub(super) fn boxed(&mut self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Walked {
        let value: v8::Local<'s, v8::Value> = object.into();
        self.wire.bytes.push(wire::BOXED);
        let state = self.state;
        let inner = self.read(scope, |scope| state.unbox(scope, value))?;
        self.value(scope, inner, None)
    }
}
