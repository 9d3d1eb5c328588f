//! Streams of the host in JavaScript: readable ones that it feeds, writable ones that it takes from.

use deno_core::v8;

use crate::engine::State;
use crate::error::Error;
use crate::host::make_function;
use crate::value::{HostFunction, HostSink, HostStream};

/// Makes the ReadableStream that a host iterator feeds.
pub(crate) fn make_stream<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    stream: HostStream,
) -> Result<v8::Local<'s, v8::Value>, Error> {
    let HostStream { pull, cancel, ahead, bytes } = stream;
    let args = [
        make_function(scope, state, pull)?.into(),
        make_function(scope, state, cancel)?.into(),
        v8::Number::new(scope, ahead as f64).into(),
        v8::Boolean::new(scope, bytes).into(),
    ];
    state.call_streams(scope, "fromHost", &args).ok_or(Error::Closed)
}

/// Makes the WritableStream whose chunks a host object takes.
pub(crate) fn make_sink<'s>(scope: &mut v8::PinScope<'s, '_>, state: &State, sink: HostSink) -> Result<v8::Local<'s, v8::Value>, Error> {
    let mut function = |function: HostFunction| make_function(scope, state, function).map(v8::Local::<'s, v8::Value>::from);
    let args = [function(sink.write)?, function(sink.close)?, function(sink.abort)?];
    state.call_streams(scope, "toHost", &args).ok_or(Error::Closed)
}

/// Keeps a stream until JavaScript fetches it by its number; returns the function to fetch it with.
pub(crate) fn register<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    id: u32,
    stream: v8::Local<'s, v8::Value>,
) -> Result<v8::Local<'s, v8::Value>, Error> {
    let number = v8::Number::new(scope, f64::from(id)).into();
    state.call_streams(scope, "register", &[number, stream]).ok_or(Error::Closed)?;
    state.stream_function(scope, "fetchStream").ok_or(Error::Closed)
}
