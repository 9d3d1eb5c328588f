//! What arrives in an isolate's mailbox, and what comes back from a host call.

use std::sync::Arc;

use crate::commands::Command;
use crate::error::JsException;
use crate::reply::{CallId, Ticket};
use crate::value::Value;

/// Answer of a host call.
pub type CallOutcome = Result<Value, Box<JsException>>;

/// Calls host functions that were bound with the explicit opt-in to run on the isolate's thread.
pub trait InlineHost: Send + Sync + std::fmt::Debug {
    /// Calls the host's object `target`. Runs on the isolate's thread.
    fn call(&self, target: u64, args: Value) -> CallOutcome;
}

/// What arrives in an isolate's mailbox.
#[derive(Debug)]
pub enum Message {
    /// Do something and answer.
    Request(Arc<Ticket>, Command),
    /// A host call was answered.
    Answer(CallId, CallOutcome),
    /// This operation has a cause to stop.
    Stop(Arc<Ticket>),
    /// The host has room for more of this stream.
    Resume(u64),
    /// The host wants no more of this stream, for this reason.
    Leave(u64, &'static str),
    /// Background JavaScript has a loop now: deliver what waited for one.
    Home,
    /// Look at the flags and release lists.
    Wake,
    /// Look at the inspector's inbox.
    Inspect,
    /// Panic where no operation runs.
    #[cfg(test)]
    Panic,
}
