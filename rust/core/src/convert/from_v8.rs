//! V8 value to `Value`: the one outgoing walker. Runs inside a guarded entry, so getters and proxies are under the deadline.

use deno_core::v8;

use super::exception::describe;
use super::guard::{Failure, Step};
use super::kinds::{YEARS, refusal};
use super::leaf;
use super::numbers::write_numbers;
use super::rows;
use super::seen::{Keys, Seen};
use super::wire::{self, Write};
use crate::config::Config;
use crate::engine::State;
use crate::error::Error;
use crate::reply::Ticket;
use crate::value::{Handle, RemoteKind, Value, Wire};

pub(super) type Walked = Result<(), Box<Failure>>;

/// Converts one value.
///
/// `None` means that V8 is terminating: the caller of the guarded entry knows the cause.
pub(crate) fn from_v8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    value: v8::Local<'s, v8::Value>,
) -> Result<Value, Option<Error>> {
    from_v8_for(None, scope, state, value)
}

/// The same for somebody who waits for it: what is large may be lent, or go ahead in parts if that is wanted. JavaScript does not run until what is lent was
/// served, and `value` lives.
pub(crate) fn from_v8_for<'s>(
    ticket: Option<&Ticket>,
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    value: v8::Local<'s, v8::Value>,
) -> Result<Value, Option<Error>> {
    if value.is_number() {
        return Ok(Value::Number(value.number_value(scope).unwrap_or(f64::NAN)));
    }
    if value.is_string() {
        if let Some(loan) = ticket.and_then(|_| leaf::lend_text(scope, state, value.cast())) {
            return Ok(Value::Loan(loan));
        }
        return leaf::string_value(scope, state, value.cast());
    }
    if value.is_undefined() {
        return Ok(Value::Undefined);
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    if value.is_boolean() {
        return Ok(Value::Bool(value.is_true()));
    }
    if let Some(loan) = ticket.and_then(|_| leaf::lend_buffer(scope, state, value)) {
        return Ok(Value::Loan(loan));
    }
    let mut wire = Wire::default();
    walk(ticket, scope, state, value, &mut wire)?;
    Ok(Value::Wire(Box::new(wire)))
}

/// Converts one value into `wire`, which is empty before, and is so again after an error. Otherwise like [`from_v8`].
pub(crate) fn pack<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    value: v8::Local<'s, v8::Value>,
    wire: &mut Wire,
) -> Result<(), Option<Error>> {
    walk(None, scope, state, value, wire)
}

fn walk<'s>(
    ticket: Option<&Ticket>,
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    value: v8::Local<'s, v8::Value>,
    wire: &mut Wire,
) -> Result<(), Option<Error>> {
    v8::tc_scope!(let tc, scope);
    let mut walker = Walker::new(state, std::mem::take(wire));
    walker.ticket = ticket;
    let walked = walker.value(tc, value, None);
    *wire = walker.wire;
    walked.map_err(|failure| {
        wire.bytes.clear();
        wire.handles.clear();
        explain(tc, state, *failure)
    })
}

/// Completes a failure with what was thrown, if something was.
fn explain<'s>(
    tc: &mut v8::PinnedRef<'_, v8::TryCatch<'_, 's, v8::HandleScope<'_>>>,
    state: &State,
    mut failure: Failure,
) -> Option<Error> {
    if failure.thrown {
        if tc.has_terminated() || tc.is_execution_terminating() {
            return None;
        }
        if let Some(thrown) = tc.exception() {
            let exception = describe(tc, state, thrown, None);
            failure.reason = format!("reading it threw {}", exception.headline());
            failure.cause = Some(Box::new(exception));
        }
        tc.reset();
    }
    Some(failure.into_error())
}

/// Converts the arguments of a call into one array.
pub(crate) fn arguments_from_v8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    args: &v8::FunctionCallbackArguments<'s>,
    skip: i32,
) -> Result<Value, Option<Error>> {
    v8::tc_scope!(let tc, scope);
    let mut walker = Walker::new(state, Wire::default());
    let count = (args.length() - skip).max(0);
    walker.wire.bytes.push(wire::ARRAY);
    walker.wire.bytes.varint(count as u64);
    walker.next_object += 1;
    for index in 0..count {
        if let Err(failure) = walker.value(tc, args.get(index + skip), None) {
            return Err(explain(tc, state, *failure.at(Step::Index(index as usize))));
        }
    }
    Ok(Value::Wire(Box::new(walker.wire)))
}

/// One conversion under way.
pub(super) struct Walker<'s, 'a> {
    pub(super) state: &'a State,
    pub(super) config: &'a Config,
    pub(super) wire: Wire,
    /// Bytes that it may take: what the parts before it have left.
    pub(super) room: usize,
    /// Who may want the value in parts.
    pub(super) ticket: Option<&'a Ticket>,
    pub(super) depth: usize,
    /// Number of the next object.
    pub(super) next_object: u32,
    /// Objects met so far, with their numbers.
    pub(super) seen: Seen<'s>,
    /// Key numbers.
    pub(super) keys: Keys<'s>,
    /// The keys of the last plain object: the next one is often of the same shape.
    pub(super) shape: Vec<(v8::Local<'s, v8::Value>, u32)>,
}

impl<'s, 'a> Walker<'s, 'a> {
    /// Writes behind what `wire` has; into a spare buffer if that has no room at all.
    fn new(state: &'a State, mut wire: Wire) -> Self {
        if wire.bytes.capacity() == 0 {
            wire.bytes = state.shared.spares.take();
        }
        Self {
            state,
            config: &state.shared.config,
            wire,
            room: state.shared.config.max_bytes,
            ticket: None,
            depth: 0,
            next_object: 0,
            seen: Seen::default(),
            keys: Keys::default(),
            shape: Vec::new(),
        }
    }

    /// Writes one value; `receiver` is the object it was read from.
    pub(super) fn value(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
        receiver: Option<v8::Local<'s, v8::Object>>,
    ) -> Walked {
        let out = &mut self.wire.bytes;
        if value.is_string() {
            let text: v8::Local<'s, v8::String> = value.cast();
            if out.len() + text.length() > self.room {
                return Err(Failure::new(self.config.too_large()));
            }
            leaf::write_string(scope, text, out);
        } else if value.is_number() {
            out.number(value.number_value(scope).unwrap_or(f64::NAN));
        } else if value.is_null() {
            out.push(wire::NULL);
        } else if value.is_undefined() {
            out.push(wire::UNDEFINED);
        } else if value.is_boolean() {
            out.push(if value.is_true() { wire::TRUE } else { wire::FALSE });
        } else if value.is_big_int() {
            let big: v8::Local<'_, v8::BigInt> = value.cast();
            if out.len() + big.word_count() * 8 > self.room {
                return Err(Failure::new(self.config.too_large()));
            }
            leaf::write_bigint(big, out);
        } else if value.is_symbol() {
            return Err(Failure::new("a symbol cannot leave JavaScript"));
        } else {
            return self.object(scope, value.cast(), receiver);
        }
        self.reserve(0)
    }

    /// Writes an object, or a reference if it was met before.
    fn object(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        receiver: Option<v8::Local<'s, v8::Object>>,
    ) -> Walked {
        if let Some(number) = self.seen.meet(scope, object, self.next_object) {
            self.wire.bytes.push(wire::REFERENCE);
            self.wire.bytes.varint(u64::from(number));
            return self.reserve(0);
        }
        self.next_object += 1;
        if self.depth >= self.config.max_depth {
            return Err(Failure::new(self.config.too_deep()));
        }
        self.depth += 1;
        let result = self.by_kind(scope, object, receiver);
        self.depth -= 1;
        result?;
        self.reserve(0)
    }

    fn by_kind(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        receiver: Option<v8::Local<'s, v8::Object>>,
    ) -> Walked {
        let value: v8::Local<'s, v8::Value> = object.into();
        let state = self.state;
        if value.is_array() {
            self.array(scope, object.cast())
        } else if value.is_function() {
            let function = object.cast::<v8::Function>();
            // V8 has no name for a callable proxy, and reading one would run its traps.
            let name = if value.is_proxy() { String::new() } else { function.get_name(scope).to_rust_string_lossy(scope) };
            let handle = state.keep(
                RemoteKind::Function,
                name,
                v8::Global::new(scope, value),
                receiver.map(|r| v8::Global::new(scope, v8::Local::<v8::Value>::from(r))),
            );
            self.handle(Handle::Function(handle))
        } else if value.is_date() {
            let time = object.cast::<v8::Date>().value_of();
            if time.is_nan() {
                return Err(Failure::new("an invalid Date has no Python form"));
            }
            if !YEARS.contains(&time) {
                return Err(Failure::new("a Date outside the years 1 to 9999 has no Python form"));
            }
            self.wire.bytes.push(wire::DATE);
            self.wire.bytes.double(time);
            Ok(())
        } else if value.is_map() {
            self.map(scope, object.cast())
        } else if value.is_set() {
            self.set(scope, object.cast())
        } else if value.is_array_buffer_view() {
            let view = object.cast::<v8::ArrayBufferView>();
            if let Some(store) = self.config.share_buffers.then(|| leaf::view_store(scope, view)).flatten() {
                return self.handle(Handle::Store(store));
            }
            self.reserve(view.byte_length())?;
            state.shared.spares.widen(&mut self.wire.bytes, view.byte_length());
            leaf::write_view(view, &mut self.wire.bytes);
            Ok(())
        } else if value.is_array_buffer() {
            let buffer = object.cast::<v8::ArrayBuffer>();
            if let Some(store) = self.config.share_buffers.then(|| leaf::buffer_store(buffer)).flatten() {
                return self.handle(Handle::Store(store));
            }
            self.reserve(buffer.byte_length())?;
            state.shared.spares.widen(&mut self.wire.bytes, buffer.byte_length());
            leaf::write_buffer(buffer, &mut self.wire.bytes);
            Ok(())
        } else if value.is_native_error() {
            let exception = describe(scope, state, value, None);
            self.handle(Handle::Error(Box::new(exception)))
        } else if value.is_promise() {
            // From here on it is the host's to handle.
            state.mark_handled(object.cast());
            let handle = state.keep(RemoteKind::Promise, String::new(), v8::Global::new(scope, value), None);
            self.handle(Handle::Promise(handle))
        } else if value.is_reg_exp() {
            self.regexp(scope, object.cast())
        } else if let Some(reason) = refusal(value) {
            // An async generator is one too.
            let handle = if value.is_generator_object() { self.stream(scope, object)? } else { None };
            handle.map_or_else(|| Err(Failure::new(reason)), |handle| self.handle(handle))
        } else if value.is_boolean_object() || value.is_number_object() || value.is_string_object() || value.is_big_int_object() {
            self.boxed(scope, object)
        } else {
            self.plain(scope, object)
        }
    }

    pub(super) fn reserve(&self, more: usize) -> Walked {
        if self.wire.bytes.len() + more > self.room { Err(Failure::new(self.config.too_large())) } else { Ok(()) }
    }

    pub(super) fn handle(&mut self, handle: Handle) -> Walked {
        self.wire.bytes.push(wire::HANDLE);
        self.wire.bytes.varint(self.wire.handles.len() as u64);
        self.wire.handles.push(handle);
        Ok(())
    }

    fn array(&mut self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>) -> Walked {
        let length = array.length();
        // Each element takes at least one byte: a sparse giant fails here and not after minutes.
        self.reserve(length as usize)?;
        if write_numbers(array, length, self.room, &mut self.wire.bytes) {
            return Ok(());
        }
        self.wire.bytes.push(wire::ARRAY);
        self.wire.bytes.varint(u64::from(length));
        let first = if length < rows::LEAST { 0 } else { self.items(scope, array, length)? };
        for index in first..length {
            let step = || Step::Index(index as usize);
            let item = self.read(scope, |scope| array.get_index(scope, index)).map_err(|f| f.at(step()))?;
            self.value(scope, item, Some(array.into())).map_err(|f| f.at(step()))?;
            self.part();
        }
        Ok(())
    }

    /// Runs one read that may call user code (a getter, a trap).
    pub(super) fn read<T>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        read: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, T>>,
    ) -> Result<v8::Local<'s, T>, Box<Failure>> {
        read(scope).ok_or_else(Failure::thrown)
    }
}
