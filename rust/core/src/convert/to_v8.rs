//! `Value` to V8 value: the one incoming walker. V8's own structured-clone reader builds the objects; no user code runs.

use deno_core::v8;
use v8::ValueDeserializerHelper as _;

use super::exception::{describe, make_error};
use super::wire;
use crate::engine::State;
use crate::error::Error;
use crate::host::make_function;
use crate::memory::HostText;
use crate::stream::{make_sink, make_stream};
use crate::value::{Arguments, Handle, MAX_STRING, Value, Wire};

/// Converts one value.
pub(crate) fn to_v8<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, value: Value) -> Result<v8::Local<'s, v8::Value>, Error> {
    Ok(match value {
        Value::Undefined => v8::undefined(scope).into(),
        Value::Null => v8::null(scope).into(),
        Value::Bool(flag) => v8::Boolean::new(scope, flag).into(),
        Value::Number(number) => v8::Number::new(scope, number).into(),
        Value::Latin1(_) | Value::Utf8(_) | Value::Utf16(_) => string_to_v8(scope, &value)?.into(),
        Value::Lent(text) => lent_to_v8(scope, state, text)?.into(),
        Value::Loan(_) => return Err(Error::Invalid("what an isolate lent does not go back to JavaScript".into())),
        Value::Wire(wire) => read_wire(scope, state, *wire)?,
    })
}

/// A string value as a V8 string.
pub(crate) fn string_to_v8<'s>(scope: &mut v8::PinScope<'s, '_>, value: &Value) -> Result<v8::Local<'s, v8::String>, Error> {
    let text = match value {
        Value::Latin1(text) if text.len() <= MAX_STRING => v8::String::new_from_one_byte(scope, text, v8::NewStringType::Normal),
        Value::Lent(text) if text.length() <= MAX_STRING => v8::String::new_from_one_byte(scope, text.bytes(), v8::NewStringType::Normal),
        Value::Utf8(text) if text.len() <= MAX_STRING && text.is_ascii() => {
            v8::String::new_from_one_byte(scope, text.as_bytes(), v8::NewStringType::Normal)
        }
        Value::Utf8(text) if text.len() <= MAX_STRING * 3 => v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Normal),
        Value::Utf16(text) if text.len() <= MAX_STRING => v8::String::new_from_two_byte(scope, text, v8::NewStringType::Normal),
        _ => None,
    };
    text.ok_or_else(|| {
        Error::Invalid(format!("a string of {} bytes is longer than JavaScript allows ({MAX_STRING} characters)", value.size()))
    })
}

/// A string that V8 reads where the host has it. Where there is no room for more of those, it goes on V8's heap, whose limit it then meets.
fn lent_to_v8<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, text: HostText) -> Result<v8::Local<'s, v8::String>, Error> {
    if text.length() > MAX_STRING {
        return string_to_v8(scope, &Value::Lent(text));
    }
    state.buffers.make_room_for_text(scope, text.length());
    match state.buffers.lend_text(scope, text) {
        Ok(lent) => lent.ok_or(Error::Closed),
        Err(text) => string_to_v8(scope, &Value::Lent(text)),
    }
}

/// The elements of an argument array.
pub(crate) fn arguments_to_v8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    args: Arguments,
) -> Result<Vec<v8::Local<'s, v8::Value>>, Error> {
    let args = match args {
        Arguments::Each(args) => args,
        Arguments::Array(array) => {
            let array: v8::Local<'s, v8::Array> =
                to_v8(scope, state, array)?.try_cast().map_err(|_| Error::conversion("$", "arguments must be an array"))?;
            return (0..array.length()).map(|index| array.get_index(scope, index).ok_or(Error::Closed)).collect();
        }
    };
    args.into_iter().map(|arg| to_v8(scope, state, arg)).collect()
}

fn read_wire<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, wire: Wire) -> Result<v8::Local<'s, v8::Value>, Error> {
    debug_assert!(wire.bytes.starts_with(&wire::HEADER));
    v8::tc_scope!(let tc, scope);
    let mut handles = Vec::with_capacity(wire.handles.len());
    for handle in wire.handles {
        handles.push(handle_to_v8(tc, state, handle)?.cast::<v8::Object>());
    }
    let handles = handles.into_iter().map(|object| v8::Global::new(tc, object)).collect();
    let context = tc.get_current_context();
    let reader = v8::ValueDeserializer::new(tc, Box::new(Handles { handles }), &wire.bytes);
    let header = reader.read_header(context);
    let value = if header == Some(true) { reader.read_value(context) } else { None };
    drop(reader);
    state.shared.spares.give(wire.bytes);
    match value {
        Some(value) => Ok(value),
        None => {
            let thrown = tc.exception().map(|thrown| describe(tc, state, thrown, None));
            tc.reset();
            let reason = thrown.filter(|thrown| thrown.name.as_deref() == Some("SyntaxError"));
            Err(Error::conversion("$", reason.map_or_else(|| "V8 could not build this value".into(), |thrown| thrown.message)))
        }
    }
}

fn handle_to_v8<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, handle: Handle) -> Result<v8::Local<'s, v8::Value>, Error> {
    match handle {
        Handle::Buffer(bytes) => {
            let length = bytes.len();
            make_room(scope, state, length)?;
            let store = state.buffers.adopt(bytes).ok_or_else(|| no_room(length))?;
            Ok(v8::ArrayBuffer::with_backing_store(scope, &store).into())
        }
        Handle::Memory(memory) => {
            let length = memory.length();
            make_room(scope, state, length)?;
            let store = state.buffers.lend(memory).ok_or_else(|| no_room(length))?;
            Ok(v8::ArrayBuffer::with_backing_store(scope, &store).into())
        }
        // It goes the other way.
        Handle::Store(_) => Err(Error::Released("array buffer")),
        Handle::Function(remote) | Handle::Promise(remote) | Handle::Stream(remote, _) | Handle::Writable(remote) => {
            state.kept(scope, remote.id).ok_or(Error::Released("JavaScript function"))
        }
        Handle::Error(exception) => Ok(make_error(scope, state, &exception)),
        Handle::HostFunction(function) => make_function(scope, state, function).map(Into::into),
        Handle::HostStream(stream) => make_stream(scope, state, stream),
        Handle::HostSink(sink) => make_sink(scope, state, sink),
        Handle::HostPromise(call) => {
            let resolver = v8::PromiseResolver::new(scope).ok_or(Error::Closed)?;
            let promise = resolver.get_promise(scope);
            let owner = state.current_owner(scope);
            state.expect_call(call, v8::Global::new(scope, resolver), owner, None);
            Ok(promise.into())
        }
    }
}

/// Collects what JavaScript has dropped, if the quota has no room otherwise: V8 does so for its own buffers only.
fn make_room(scope: &mut v8::PinScope<'_, '_>, state: &State, length: usize) -> Result<(), Error> {
    if state.buffers.make_room(scope, length) { Ok(()) } else { Err(no_room(length)) }
}

fn no_room(length: usize) -> Error {
    Error::conversion("$", format!("no room for a buffer of {length} bytes: max_buffer_bytes is reached"))
}

/// Resolves handle tags while V8 reads.
struct Handles {
    handles: Vec<v8::Global<v8::Object>>,
}

impl v8::ValueDeserializerImpl for Handles {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        reader: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut index = 0u32;
        if !reader.read_uint32(&mut index) {
            return None;
        }
        self.handles.get(index as usize).map(|object| v8::Local::new(scope, object))
    }
}
