//! What an operation knows of itself.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::isolate::Shared;
use jsrun_core::reply::Ticket;
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use crate::bridge::LoopBridge;
use crate::caller::{Caller, KeepAlive};
use crate::convert::{Parts, Pending};
use crate::imports;
use crate::watch::Watched;

use pyo3_async_runtimes::TaskLocals;

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
    /// The loop that waits.
    pub(super) bridge: Option<Py<LoopBridge>>,
    /// Loop and contextvars of the caller, for host functions. Not as `TaskLocals`, which the garbage collector cannot look into.
    pub(super) locals: Option<Locals>,
    pub(super) ticket: Option<Arc<Ticket>>,
    /// `cancel()` was called: whatever comes back, the outcome is cancelled.
    pub(super) cancelled: bool,
    /// An exception thrown in while it ran; raised when the isolate has let go.
    pub(super) thrown: Option<Py<PyBaseException>>,
    /// Somebody saw the outcome.
    pub(super) retrieved: bool,
    /// When, if nothing else was in flight.
    pub(super) started: Option<Instant>,
    /// Somebody wants to hear of its end.
    pub(super) watched: Option<Box<Watched>>,
    /// What there is of its value; none while something is added to it.
    pub(super) parts: Option<Parts>,
}

/// Where an operation was started.
pub(super) struct Locals {
    pub(super) event_loop: Py<PyAny>,
    pub(super) context: Py<PyAny>,
}

impl Locals {
    pub(super) fn capture(py: Python<'_>, event_loop: Bound<'_, PyAny>) -> PyResult<Self> {
        let locals = TaskLocals::new(event_loop).copy_context(py)?;
        Ok(Self { event_loop: locals.event_loop(py).unbind(), context: locals.context(py).unbind() })
    }
}

/// An awaitable JavaScript operation.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct Operation {
    pub(super) shared: Arc<Shared>,
    /// Keeps the runtime alive while something is asked of it.
    pub(super) isolate: KeepAlive,
    pub(super) caller: Caller,
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
