//! Who asks an isolate for something, and the two ways to wait for it: blocking, or on a loop's thread.

use std::sync::Arc;

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::isolate::Shared;
use jsrun_core::reply::{CallId, Ticket, Timeouts};
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::blocking::{self, Ended};
use crate::bridge::LoopBridge;
use crate::convert::{Parts, Pending, to_py};
use crate::errors::to_exception;
use crate::isolate::Isolate;
use crate::operation::Operation;
use crate::{host, imports, table};

/// Who asks for an operation.
pub(crate) struct Caller {
    /// The isolate.
    pub(crate) shared: Arc<Shared>,
    /// Its limits, where some were given.
    pub(crate) timeouts: Timeouts,
    /// Name for `repr` and warnings.
    pub(crate) what: &'static str,
}

/// Keeps a runtime alive for as long as something of it is in Python's hands; visible to the garbage collector.
pub(crate) struct KeepAlive(Mutex<Option<Py<Isolate>>>);

impl KeepAlive {
    /// Holds the isolate behind `shared`.
    pub(crate) fn new(py: Python<'_>, shared: &Shared) -> Self {
        Self(Mutex::new(table::isolate(py, shared).map(Bound::unbind)))
    }

    /// Lets go.
    pub(crate) fn release(&self) {
        let isolate = self.0.lock().take();
        // Outside the lock: this may be the last reference.
        drop(isolate);
    }

    /// For `__traverse__`. A collection may start anywhere: never waits for a lock that this thread may hold.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.try_lock().map_or(Ok(()), |isolate| visit.call(&*isolate))
    }
}

/// The host call of this isolate from which the current code runs, if there is one.
pub(crate) fn chain_of(py: Python<'_>, shared: &Shared) -> PyResult<Option<CallId>> {
    if host::in_sync_call() { imports::CHAIN.get(py)?.call1((shared.id,))?.extract() } else { Ok(None) }
}

/// A `BaseException` of a host function that JavaScript let through goes on as itself.
pub(crate) fn passing_exception(py: Python<'_>, error: &Error, shared: &Shared) -> Option<PyErr> {
    let Error::JavaScript(exception) = error else { return None };
    let object = table::get(py, shared, exception.host.as_ref()?.id())?;
    is_exit(&object).then(|| PyErr::from_value(object))
}

/// Whether an exception is meant to end the program, not the operation.
pub(crate) fn is_exit(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>() || object.is_instance_of::<pyo3::exceptions::PySystemExit>()
}

/// Starts the Python awaitables that a value carried to JavaScript.
pub(crate) fn start_pending<'py>(
    py: Python<'py>,
    pending: Pending,
    place: Option<&Bound<'py, LoopBridge>>,
    shared: &Arc<Shared>,
) -> PyResult<()> {
    for (call, awaitable) in pending {
        host::start(py, place, None, call, shared, (None, awaitable.into_bound(py)))?;
    }
    Ok(())
}

/// Runs a command and blocks for its end.
pub(crate) fn run_blocking<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    command: Command,
    timeouts: impl Into<Timeouts>,
    bridge: Option<Bound<'py, LoopBridge>>,
) -> PyResult<Bound<'py, PyAny>> {
    host::check_not_inline(py, shared)?;
    table::sweep(py, shared);
    let queue = blocking::queue_of(bridge.as_ref())?;
    // The isolate outlives the call even if its last owner goes meanwhile.
    let alive = table::isolate(py, shared);
    let ticket = shared.ticket(queue, true, timeouts.into(), chain_of(py, shared)?);
    let watched = alive.as_ref().and_then(|isolate| isolate.get().watch()?.begin(py, &command, None));
    let result = submit_and_wait(py, shared, &ticket, command, bridge.as_ref());
    if let Some(watched) = watched {
        watched.end(py, result.as_ref().err());
    }
    result
}

fn submit_and_wait<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    ticket: &Arc<Ticket>,
    command: Command,
    bridge: Option<&Bound<'py, LoopBridge>>,
) -> PyResult<Bound<'py, PyAny>> {
    ticket.want_parts();
    shared.submit(Arc::clone(ticket), command).map_err(|error| to_exception(py, error, shared))?;
    let mut parts = Parts::default();
    match blocking::wait(py, shared, ticket, &mut parts, bridge)? {
        Ended::Done(Ok(last)) => parts.finish(py, ticket, last, shared),
        Ended::Done(outcome) => finish(py, outcome, shared),
        Ended::Pending => Err(PyTypeError::new_err("a blocking call was told that it is pending")),
    }
}

/// The outcome of an operation as Python has it.
pub(crate) fn finish<'py>(py: Python<'py>, outcome: Result<Value, Error>, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
    match outcome {
        Ok(value) => to_py(py, value, shared),
        Err(error) => Err(passing_exception(py, &error, shared).unwrap_or_else(|| to_exception(py, error, shared))),
    }
}

/// Calls a function on a loop's thread: its value if it has one at once, else an awaitable.
pub(crate) fn call_from_loop<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    command: Command,
    timeouts: Timeouts,
    bridge: &Bound<'py, LoopBridge>,
    pending: Pending,
) -> PyResult<Bound<'py, PyAny>> {
    let caller = Caller { shared: Arc::clone(shared), timeouts, what: "call" };
    let (operation, ticket) = Operation::adopt(py, caller, bridge)?;
    ticket.tell_pending();
    operation.get().watch(py, &command);
    start_pending(py, pending, Some(bridge), shared)?;
    let result = match shared.submit(Arc::clone(&ticket), command) {
        Ok(()) => match blocking::wait(py, shared, &ticket, &mut Parts::default(), Some(bridge)) {
            Ok(Ended::Pending) => return Ok(operation.into_any()),
            Ok(Ended::Done(outcome)) => finish(py, outcome, shared),
            Err(error) => Err(error),
        },
        Err(error) => Err(to_exception(py, error, shared)),
    };
    bridge.get().forget(ticket.id);
    Operation::settle(&operation, &result);
    result
}
