//! The function behind `crypto.subtle`: takes the memory of buffers, calculates, gives a new buffer back.

use deno_core::v8;

use super::{ciphers, curves, hashes};
use crate::engine::{State, state_of};

/// Most buffers that one calculation takes.
const MOST_PARTS: i32 = 4;

/// One calculation. The meaning of the numbers and parts is that of `subtle.js`.
struct Request<'a> {
    /// A hash or a curve.
    name: String,
    numbers: [usize; 2],
    parts: Vec<&'a [u8]>,
}

/// `crypto(operation, name, number, number, ...buffers)`: an ArrayBuffer, or null where the input does not fit or fails its check.
pub(crate) fn on_crypto<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let operation = args.get(0).to_rust_string_lossy(scope);
    let numbers = [2, 3].map(|index| args.get(index).number_value(scope).unwrap_or(0.0) as usize);
    let mut kept = Vec::new();
    for index in 4..args.length().min(4 + MOST_PARTS) {
        match memory(scope, args.get(index)) {
            Some(part) => kept.push(part),
            None => return throw(scope, v8::Exception::type_error, "expected a buffer that is not shared or detached"),
        }
    }
    // SAFETY: each store is kept until after the calculation, in which no JavaScript runs that could shrink, detach or write to it.
    let parts = kept.iter().map(|part| unsafe { part.bytes() }).collect();
    let request = Request { name: args.get(1).to_rust_string_lossy(scope), numbers, parts };
    if !state.buffers.has_room(size_of_result(&operation, &request)) {
        return throw(scope, v8::Exception::range_error, "Array buffer allocation failed: max_buffer_bytes");
    }
    let result = calculate(&operation, &request, &mut || state.should_terminate(scope));
    if state.should_terminate(scope) {
        return state.terminate(scope);
    }
    match result {
        None => rv.set_null(),
        Some(bytes) => give(scope, &state, bytes, &mut rv),
    }
}

/// How large the result may become, before it is made; small ones count when they are.
fn size_of_result(operation: &str, request: &Request<'_>) -> usize {
    match (operation, request.parts.as_slice()) {
        ("copy", [data]) => data.len(),
        ("gcm-encrypt" | "gcm-decrypt" | "cbc-encrypt" | "cbc-decrypt", [_, _, data, ..]) => data.len(),
        _ => request.numbers[1],
    }
}

/// Does what is asked; `None` when it cannot, or when `stop` says so.
fn calculate(operation: &str, request: &Request<'_>, stop: &mut dyn FnMut() -> bool) -> Option<Vec<u8>> {
    let Request { name, numbers: [number, length], parts } = request;
    match (operation, parts.as_slice()) {
        ("copy", [data]) => Some(data.to_vec()),
        ("random", []) => hashes::random(*length),
        ("digest", [data]) => hashes::digest(name, data, stop),
        ("hmac", [key, data]) => hashes::hmac(name, key, data, stop),
        ("same", [one, other]) => hashes::same(one, other).then(Vec::new),
        ("pbkdf2", [password, salt]) => hashes::pbkdf2(name, password, salt, *number, *length, stop),
        ("hkdf", [key, salt, info]) => hashes::hkdf(name, key, salt, info, *length),
        ("gcm-encrypt", [key, iv, data, extra]) => ciphers::gcm(true, *number, key, iv, data, extra),
        ("gcm-decrypt", [key, iv, data, extra]) => ciphers::gcm(false, *number, key, iv, data, extra),
        ("cbc-encrypt", [key, iv, data]) => ciphers::cbc_encrypt(key, iv, data),
        ("cbc-decrypt", [key, iv, data]) => ciphers::cbc_decrypt(key, iv, data),
        _ => curves::calculate(name, operation, parts),
    }
}

/// The memory of a buffer, kept alive.
struct Memory {
    store: v8::SharedRef<v8::BackingStore>,
    offset: usize,
    length: usize,
}

impl Memory {
    /// # Safety
    /// The buffer must keep its size, and nobody may write to it, while the slice lives.
    unsafe fn bytes(&self) -> &[u8] {
        let Some(data) = self.store.data() else { return &[] };
        // SAFETY: `memory` took offset and length from V8, which keeps them within the store.
        unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>().add(self.offset), self.length) }
    }
}

fn memory<'s>(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Memory> {
    let (buffer, offset, length) = if let Ok(view) = value.try_cast::<v8::ArrayBufferView>() {
        (view.buffer(scope)?, view.byte_offset(), view.byte_length())
    } else {
        let buffer = value.try_cast::<v8::ArrayBuffer>().ok()?;
        (buffer, 0, buffer.byte_length())
    };
    // A view on shared memory gives its buffer under the wrong class.
    let shared = v8::Local::<v8::Value>::from(buffer).is_shared_array_buffer();
    if shared || buffer.was_detached() {
        return None;
    }
    Some(Memory { store: buffer.get_backing_store(), offset, length })
}

fn give(scope: &mut v8::PinScope<'_, '_>, state: &State, bytes: Vec<u8>, rv: &mut v8::ReturnValue<'_>) {
    match state.buffers.adopt(bytes) {
        Some(store) => rv.set(v8::ArrayBuffer::with_backing_store(scope, &store).into()),
        None => throw(scope, v8::Exception::range_error, "Array buffer allocation failed: max_buffer_bytes"),
    }
}

type MakeError = for<'s> fn(&v8::PinScope<'s, '_>, v8::Local<'_, v8::String>) -> v8::Local<'s, v8::Value>;

fn throw(scope: &mut v8::PinScope<'_, '_>, make: MakeError, text: &str) {
    let text = v8::String::new(scope, text).unwrap_or_else(|| v8::String::empty(scope));
    let error = make(scope, text);
    scope.throw_exception(error);
}
