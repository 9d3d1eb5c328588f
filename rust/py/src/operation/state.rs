//! What an operation knows of itself.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::reply::Ticket;
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::bridge::LoopBridge;
use crate::caller::{Caller, chain_of};
use crate::convert::{Parts, Pending};
use crate::isolate::Isolate;
use crate::watch::Watched;
use crate::{imports, table};

/// Where an operation stands.
pub(super) enum Phase {
    /// No loop ran yet: it starts when it is first awaited.
    Unstarted(Box<Command>, Pending),
    /// The isolate has it.
    Running,
    /// It ended; nobody has looked yet.
    Ended(Result<Value, Error>),
    /// It ended, as Python objects.
    Known(Result<Py<PyAny>, Py<PyBaseException>>),
}

pub(super) struct Inner {
    pub(super) phase: Phase,
    /// Callbacks with their contexts, as `asyncio.Future` has them.
    pub(super) callbacks: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// Keeps the runtime alive while something is asked of it.
    pub(super) isolate: Option<Py<Isolate>>,
    /// `cancel()` was called: whatever comes back, the outcome is cancelled.
    pub(super) cancelled: bool,
    /// An exception thrown in while it ran; raised when the isolate has let go.
    pub(super) thrown: Option<Py<PyBaseException>>,
    /// Somebody saw the outcome.
    pub(super) retrieved: bool,
    /// Somebody wants to hear of its end.
    pub(super) watched: Option<Box<Watched>>,
    /// What there is of its value; none while something is added to it.
    pub(super) parts: Option<Parts>,
}

impl Inner {
    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Ended(_) | Phase::Known(_))
    }
}

/// Where an operation was started, and what it is known by there.
pub(super) struct Begun {
    /// The loop that waits.
    pub(super) bridge: Py<LoopBridge>,
    /// That loop, and the contextvars of the caller, for host functions.
    pub(super) event_loop: Py<PyAny>,
    pub(super) context: Py<PyAny>,
    pub(super) ticket: Arc<Ticket>,
}

impl Begun {
    /// On the loop that runs on this thread.
    pub(super) fn new(caller: &Caller, bridge: &Bound<'_, LoopBridge>) -> PyResult<Self> {
        let py = bridge.py();
        table::sweep(py, &caller.shared);
        let event_loop = bridge.get().event_loop(py).unbind();
        let context = imports::COPY_CONTEXT.get(py)?.call0()?.unbind();
        let queue = Arc::clone(bridge.get().queue());
        let ticket = caller.shared.ticket(queue, false, caller.timeouts, chain_of(py, &caller.shared)?);
        bridge.get().offer_as_home(&caller.shared);
        Ok(Self { bridge: bridge.clone().unbind(), event_loop, context, ticket })
    }
}

/// An awaitable JavaScript operation.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct Operation {
    pub(super) caller: Caller,
    /// Set when it starts, and for good: what is in it breaks its own cycles, where the garbage collector finds some.
    pub(super) begun: OnceLock<Begun>,
    /// A task drives this object and waits for it.
    pub(super) yielded: AtomicBool,
    /// asyncio's flag: this object was yielded by `await`.
    pub(super) future_blocking: AtomicBool,
    pub(super) inner: Mutex<Inner>,
}

/// Raises a kept exception once more.
pub(super) fn again(py: Python<'_>, error: &Py<PyBaseException>) -> PyErr {
    PyErr::from_value(error.bind(py).clone().into_any())
}

pub(super) fn cancelled(py: Python<'_>) -> PyErr {
    imports::CANCELLED_ERROR.error(py, ())
}

pub(super) fn invalid_state(py: Python<'_>, text: &'static str) -> PyErr {
    imports::INVALID_STATE.error(py, (text,))
}
