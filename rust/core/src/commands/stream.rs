//! What the host asks of a stream of JavaScript's: a chunk to take, an end, and for a writable one to take a chunk.

use std::sync::Arc;

use deno_core::v8;

use crate::convert::to_v8;
use crate::engine::{Run, State};
use crate::error::Error;
use crate::value::{RemoteRef, Value};

/// Waits until a readable stream has a chunk or an end for the host to take from its channel.
#[derive(Debug)]
pub struct Read {
    /// The stream.
    pub stream: Arc<RemoteRef>,
}

impl Read {
    pub(super) fn run<'s>(&self, state: &State) -> Result<Run<'s>, Error> {
        state.start_stream(self.stream.id)?;
        Ok(Run::Chunk(self.stream.id))
    }
}

/// What is done to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Readable: no more of it is wanted; the value says why.
    Cancel,
    /// Writable: take the value.
    Write,
    /// Writable: nothing comes after what was written.
    Close,
    /// Writable: throw away what was not taken; the value says why.
    Abort,
}

/// Does something to a stream, and waits for its promise.
#[derive(Debug)]
pub struct Tell {
    /// The stream.
    pub stream: Arc<RemoteRef>,
    /// What.
    pub verb: Verb,
    /// With what.
    pub value: Value,
}

impl Tell {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        let value = to_v8(scope, state, self.value)?;
        let id = self.stream.id;
        let name = match self.verb {
            Verb::Cancel => return Ok(state.cancel_stream(scope, id, value)?.map_or(Run::Threw, Run::Value)),
            Verb::Write => "write",
            Verb::Close => "close",
            Verb::Abort => "abort",
        };
        let stream = state.kept(scope, id).ok_or(Error::Released("stream"))?;
        Ok(state.call_streams(scope, name, &[stream, value]).map_or(Run::Threw, Run::Value))
    }
}
