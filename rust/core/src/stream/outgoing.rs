//! JavaScript streams and async iterables that the host reads: read ahead into a channel, resumed, cancelled, left behind.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deno_core::v8;

use super::Channel;
use crate::convert::{describe, pack};
use crate::engine::{State, state_of};
use crate::error::Error;
use crate::isolate::Message;
use crate::reply::{Cause, OpId};
use crate::value::{Handle, RemoteKind, Wire};

/// How long a stream that never waits may produce before the isolate looks at what else there is to do.
const LONGEST_RUN: Duration = Duration::from_millis(1);

/// What an object is for the host; the numbers are those of `streams.js`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Readable,
    Writable,
    Other,
}

/// The streams of one isolate that the host holds.
#[derive(Default)]
pub(crate) struct Streams {
    /// The functions of `streams.js`.
    functions: OnceCell<v8::Global<v8::Object>>,
    /// What they call: `push`, `end`, `fail`.
    host: OnceCell<v8::Global<v8::Object>>,
    /// By number of the handle.
    outlets: RefCell<HashMap<u64, Outlet>>,
    /// Where a chunk is written before it is packed.
    scratch: RefCell<Wire>,
}

/// A stream that leaves JavaScript.
struct Outlet {
    channel: Arc<Channel>,
    /// `{resume, cancel}`, from the first read to the end.
    pump: Option<v8::Global<v8::Object>>,
    /// The operation that waits for a chunk.
    reader: Option<OpId>,
    /// Chunks that came so far.
    count: u64,
    /// When the isolate was last asked to look at something else in between.
    turn: Instant,
}

/// Takes the functions over, and gives them theirs.
pub(crate) fn lend(scope: &mut v8::PinScope<'_, '_>, state: &State, functions: v8::Local<'_, v8::Object>) -> Option<()> {
    let null = v8::null(scope).into();
    let host = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    for (name, function) in [
        ("push", v8::Function::new(scope, on_push)?),
        ("end", v8::Function::new(scope, on_end)?),
        ("fail", v8::Function::new(scope, on_fail)?),
    ] {
        let key = v8::String::new(scope, name)?;
        host.create_data_property(scope, key.into(), function.into())?;
    }
    let _ = state.streams.host.set(v8::Global::new(scope, host));
    let _ = state.streams.functions.set(v8::Global::new(scope, functions));
    Some(())
}

impl State {
    /// Calls a function of the object behind which parts and `streams.js` are.
    pub(crate) fn call_streams<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        name: &str,
        args: &[v8::Local<'s, v8::Value>],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let functions = v8::Local::new(scope, self.streams.functions.get()?);
        call_method(scope, functions, name, args)
    }

    /// A function of the same object.
    pub(crate) fn stream_function<'s>(&self, scope: &mut v8::PinScope<'s, '_>, name: &str) -> Option<v8::Local<'s, v8::Value>> {
        let functions = v8::Local::new(scope, self.streams.functions.get()?);
        let key = v8::String::new(scope, name)?;
        functions.get(scope, key.into())
    }

    /// Whether an object may be a stream: cheap, and right for those that are not. `None` if a trap threw.
    pub(crate) fn may_be_stream<'s>(&self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Option<bool> {
        let symbol = v8::Symbol::get_async_iterator(scope);
        if object.has(scope, symbol.into())? {
            return Some(true);
        }
        if object.is_proxy() || self.is_literal(scope, object)? {
            return Some(false);
        }
        Some(object.get_constructor_name().to_rust_string_lossy(scope) == "WritableStream")
    }

    /// What `object` is for the host. Reads it: `None` if that threw.
    pub(crate) fn stream_kind<'s>(&self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Option<Kind> {
        let kind = self.call_streams(scope, "kind", &[object.into()])?;
        Some(match kind.uint32_value(scope)? {
            1 => Kind::Readable,
            2 => Kind::Writable,
            _ => Kind::Other,
        })
    }

    /// Keeps a stream for the host. Nothing is read before the host does.
    pub(crate) fn keep_stream<'s>(&self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Handle {
        let value: v8::Local<'s, v8::Value> = object.into();
        let remote = self.keep(RemoteKind::Stream, String::new(), v8::Global::new(scope, value), None);
        let channel = Arc::new(Channel::new(self.shared.config.stream_ahead));
        self.streams
            .outlets
            .borrow_mut()
            .insert(remote.id, Outlet { channel: Arc::clone(&channel), pump: None, reader: None, count: 0, turn: Instant::now() });
        self.shared.counters.js_streams.opened();
        Handle::Stream(remote, channel)
    }

    /// Keeps a writable stream for the host.
    pub(crate) fn keep_writable<'s>(&self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Handle {
        let value: v8::Local<'s, v8::Value> = object.into();
        Handle::Writable(self.keep(RemoteKind::Stream, String::new(), v8::Global::new(scope, value), None))
    }

    /// Sees to it that a stream is being read, after this command and on behalf of nobody: who waits for the first chunk may give up while
    /// JavaScript makes it, and the stream goes on.
    pub(crate) fn start_stream(&self, id: u64) -> Result<(), Error> {
        let outlets = self.streams.outlets.borrow();
        let outlet = outlets.get(&id).ok_or(Error::Released("stream"))?;
        if outlet.pump.is_none() && !outlet.channel.has_ended() {
            self.shared.post(Message::Resume(id));
        }
        Ok(())
    }

    fn open_stream(&self, scope: &mut v8::PinScope<'_, '_>, id: u64) {
        let unread = self.streams.outlets.borrow().get(&id).is_some_and(|outlet| !outlet.channel.has_ended());
        let (Some(object), Some(host), true) = (self.kept(scope, id), self.streams.host.get(), unread) else { return };
        let (host, number) = (v8::Local::new(scope, host), v8::Number::new(scope, id as f64));
        self.turn(scope, None, |scope| {
            let opened = self.call_streams(scope, "open", &[object, number.into(), host.into()]);
            let pump = opened.and_then(|pump| v8::Local::<v8::Object>::try_from(pump).ok()).map(|pump| v8::Global::new(scope, pump));
            if let Some(outlet) = self.streams.outlets.borrow_mut().get_mut(&id)
                && !outlet.channel.has_ended()
            {
                outlet.pump = pump;
            }
        });
    }

    /// Whether a read of the stream has something to take.
    pub(crate) fn stream_has_news(&self, id: u64) -> bool {
        self.streams.outlets.borrow().get(&id).is_none_or(|outlet| outlet.channel.has_news())
    }

    /// Notes who waits for a chunk; false if somebody does.
    pub(crate) fn await_chunk(&self, id: u64, op: OpId) -> bool {
        let mut outlets = self.streams.outlets.borrow_mut();
        let Some(outlet) = outlets.get_mut(&id) else { return false };
        if outlet.reader.is_some_and(|reader| self.is_waiting(reader)) {
            return false;
        }
        outlet.reader = Some(op);
        true
    }

    /// The host wants chunks: JavaScript begins, or goes on.
    pub(crate) fn resume_stream(&self, scope: &mut v8::PinScope<'_, '_>, id: u64) {
        let Some(pump) = self.pump(scope, id) else { return self.open_stream(scope, id) };
        self.turn(scope, None, |scope| {
            call_method(scope, pump, "resume", &[]);
        });
    }

    /// The host wants no more of a stream, and does not wait to hear how that went.
    pub(crate) fn leave_stream(&self, scope: &mut v8::PinScope<'_, '_>, id: u64, why: &str) {
        let Some(pump) = self.pump(scope, id) else { return };
        self.end_stream(id, Ok(()));
        self.turn(scope, None, |scope| {
            if let Some(why) = v8::String::new(scope, why) {
                call_method(scope, pump, "cancel", &[why.into()]);
            }
        });
    }

    /// The host wants no more: a promise of how that went, or a plain value.
    pub(crate) fn cancel_stream<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u64,
        why: v8::Local<'s, v8::Value>,
    ) -> Result<Option<v8::Local<'s, v8::Value>>, Error> {
        let undefined = v8::undefined(scope).into();
        if let Some(pump) = self.pump(scope, id) {
            self.end_stream(id, Ok(()));
            return Ok(call_method(scope, pump, "cancel", &[why]));
        }
        let unread = self.streams.outlets.borrow().get(&id).is_some_and(|outlet| !outlet.channel.has_ended());
        if !unread {
            return Ok(Some(undefined));
        }
        self.end_stream(id, Ok(()));
        let object = self.kept(scope, id).ok_or(Error::Released("stream"))?;
        Ok(self.call_streams(scope, "discard", &[object, why]))
    }

    /// The host dropped these handles: streams that it read are cancelled.
    pub(crate) fn streams_released(&self, scope: &mut v8::PinScope<'_, '_>, ids: &[u64]) {
        for id in ids {
            self.leave_stream(scope, *id, "the host dropped the stream");
            self.end_stream(*id, Ok(()));
            let outlet = self.streams.outlets.borrow_mut().remove(id);
            drop(outlet);
        }
    }

    /// The isolate ends or was stopped for good: who reads hears of it.
    pub(crate) fn end_streams(&self, cause: Cause) {
        let ids: Vec<u64> = self.streams.outlets.borrow().keys().copied().collect();
        for id in ids {
            let error = match cause {
                Cause::Terminated => Error::Terminated,
                Cause::HeapLimit => Error::HeapLimit { limit: self.shared.config.max_heap_size, condemned: Some(true) },
                _ => Error::Closed,
            };
            self.end_stream(id, Err(error));
        }
    }

    /// Drops every handle, before the isolate goes.
    pub(crate) fn clear_streams(&self) {
        self.end_streams(Cause::Closed);
        self.streams.outlets.borrow_mut().clear();
    }

    fn pump<'s>(&self, scope: &mut v8::PinScope<'s, '_>, id: u64) -> Option<v8::Local<'s, v8::Object>> {
        let outlets = self.streams.outlets.borrow();
        outlets.get(&id)?.pump.as_ref().map(|pump| v8::Local::new(scope, pump))
    }

    fn channel(&self, id: u64) -> Option<Arc<Channel>> {
        self.streams.outlets.borrow().get(&id).map(|outlet| Arc::clone(&outlet.channel))
    }

    /// Nothing more comes: tells who waits, and lets go of JavaScript's half.
    fn end_stream(&self, id: u64, how: Result<(), Error>) {
        let pump = {
            let mut outlets = self.streams.outlets.borrow_mut();
            let Some(outlet) = outlets.get_mut(&id) else { return };
            if !outlet.channel.has_ended() {
                self.shared.counters.js_streams.closed();
            }
            outlet.channel.end(how);
            outlet.pump.take()
        };
        drop(pump);
        self.wake_reader(id);
    }

    /// A chunk is in the channel: counts it, and tells who waits. True if others are to have a turn before the next.
    fn chunk_came(&self, id: u64, bytes: usize) -> bool {
        self.shared.counters.js_streams.moved(bytes);
        let (reader, long) = match self.streams.outlets.borrow_mut().get_mut(&id) {
            Some(outlet) => {
                outlet.count += 1;
                let long = outlet.turn.max(self.entered.get()).elapsed() > LONGEST_RUN;
                if long {
                    outlet.turn = Instant::now();
                }
                (outlet.reader.take(), long)
            }
            None => (None, false),
        };
        if let Some(op) = reader {
            self.end_waiting(op);
        }
        long
    }

    /// The error of a chunk that does not convert, with its number.
    fn of_chunk(&self, id: u64, error: Error) -> Error {
        let number = self.streams.outlets.borrow().get(&id).map_or(0, |outlet| outlet.count) + 1;
        match error {
            Error::Conversion { path, reason, cause } => {
                Error::Conversion { path: format!("chunk {number} of the stream: {path}"), reason, cause }
            }
            other => other,
        }
    }

    /// There is something to take.
    fn wake_reader(&self, id: u64) {
        let reader = self.streams.outlets.borrow_mut().get_mut(&id).and_then(|outlet| outlet.reader.take());
        if let Some(op) = reader {
            self.end_waiting(op);
        }
    }
}

pub(crate) fn call_method<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
    args: &[v8::Local<'s, v8::Value>],
) -> Option<v8::Local<'s, v8::Value>> {
    let key = v8::String::new(scope, name)?;
    let function: v8::Local<'s, v8::Function> = object.get(scope, key.into())?.try_cast().ok()?;
    let undefined = v8::undefined(scope).into();
    function.call(scope, undefined, args)
}

fn id_of<'s>(scope: &mut v8::PinScope<'s, '_>, args: &v8::FunctionCallbackArguments<'s>) -> u64 {
    args.get(0).number_value(scope).unwrap_or(-1.0) as u64
}

/// `push(id, chunk)`: 1 when there is room for more, 0 when not, -1 when the chunk has no form outside.
fn on_push<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let id = id_of(scope, &args);
    let Some(channel) = state.channel(id) else { return rv.set_int32(0) };
    let mut wire = state.streams.scratch.take();
    let packed = pack(scope, &state, args.get(1), &mut wire);
    match packed {
        Ok(()) => {
            let (room, size) = channel.put(&mut wire);
            let long = state.chunk_came(id, size);
            if room && long {
                state.shared.post(Message::Resume(id));
            }
            rv.set_int32(i32::from(room && !long));
        }
        Err(Some(error)) => {
            state.end_stream(id, Err(state.of_chunk(id, error)));
            rv.set_int32(-1);
        }
        // V8 is terminating: nobody sees what is returned.
        Err(None) => {}
    }
    state.streams.scratch.replace(wire);
}

/// `end(id)`.
fn on_end<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let id = id_of(scope, &args);
    state.end_stream(id, Ok(()));
}

/// `fail(id, error)`.
fn on_fail<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let id = id_of(scope, &args);
    let exception = describe(scope, &state, args.get(1), None);
    state.end_stream(id, Err(Error::JavaScript(Box::new(exception))));
}
