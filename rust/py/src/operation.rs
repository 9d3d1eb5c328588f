//! `Operation`: what `eval_async` returns. One object that is a coroutine (for tasks) and a future (for `gather`, `wait_for` and the
//! like), so that no task or future is made per call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::isolate::Shared;
use jsrun_core::reply::{Cause, Ticket};
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_async_runtimes::TaskLocals;

use crate::bridge::LoopBridge;
use crate::convert::{Pending, to_py};
use crate::errors::to_exception;
use crate::isolate::{Caller, Isolate, chain_of, passing_exception, start_pending};
use crate::{imports, table};

/// Where an operation stands.
enum Phase {
    /// No loop ran yet: it starts when it is first awaited.
    Unstarted(Box<Command>, Pending),
    /// The isolate has it.
    Running,
    /// It ended; nobody has looked yet.
    Ended(Result<Value, Error>),
    /// It ended, as Python objects.
    Known(Result<Py<PyAny>, Py<PyBaseException>>),
}

struct Inner {
    phase: Phase,
    /// Callbacks with their contexts, as `asyncio.Future` has them.
    callbacks: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
    /// The loop that waits.
    bridge: Option<Py<LoopBridge>>,
    /// Loop and contextvars of the caller, for host functions. Not as `TaskLocals`, which the garbage collector cannot look into.
    locals: Option<Locals>,
    ticket: Option<Arc<Ticket>>,
    /// `cancel()` was called: whatever comes back, the outcome is cancelled.
    cancelled: bool,
    /// An exception thrown in while it ran; raised when the isolate has let go.
    thrown: Option<Py<PyBaseException>>,
    /// Somebody saw the outcome.
    retrieved: bool,
    started: Option<Instant>,
}

/// Where an operation was started.
struct Locals {
    event_loop: Py<PyAny>,
    context: Py<PyAny>,
}

impl Locals {
    fn capture(py: Python<'_>, event_loop: Bound<'_, PyAny>) -> PyResult<Self> {
        let locals = TaskLocals::new(event_loop).copy_context(py)?;
        Ok(Self { event_loop: locals.event_loop(py).unbind(), context: locals.context(py).unbind() })
    }
}

/// An awaitable JavaScript operation.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct Operation {
    shared: Arc<Shared>,
    /// Keeps the runtime alive while something is asked of it.
    isolate: Mutex<Option<Py<Isolate>>>,
    caller: Caller,
    /// asyncio's flag: this object was yielded by `await`.
    future_blocking: AtomicBool,
    inner: Mutex<Inner>,
}

impl Operation {
    /// Makes an operation and starts it if a loop runs.
    pub(crate) fn create<'py>(py: Python<'py>, caller: Caller, command: Command, pending: Pending) -> PyResult<Bound<'py, Self>> {
        let slf = Self::unstarted(py, caller, Phase::Unstarted(Box::new(command), pending))?;
        if let Some(bridge) = LoopBridge::of_running_or_none(py)? {
            Self::start(&slf, &bridge)?;
        }
        Ok(slf)
    }

    /// An operation whose ticket is answered by something else than a command.
    pub(crate) fn adopt<'py>(
        py: Python<'py>,
        caller: Caller,
        bridge: &Bound<'py, LoopBridge>,
    ) -> PyResult<(Bound<'py, Self>, Arc<Ticket>)> {
        let slf = Self::unstarted(py, caller, Phase::Running)?;
        let ticket = Self::begin(&slf, bridge)?;
        Ok((slf, ticket))
    }

    fn unstarted(py: Python<'_>, caller: Caller, phase: Phase) -> PyResult<Bound<'_, Self>> {
        let inner = Inner {
            phase,
            callbacks: Vec::new(),
            bridge: None,
            locals: None,
            ticket: None,
            cancelled: false,
            thrown: None,
            retrieved: false,
            started: None,
        };
        let shared = Arc::clone(&caller.shared);
        let isolate = Mutex::new(table::isolate(py, &shared).map(Bound::unbind));
        Bound::new(py, Self { shared, isolate, caller, future_blocking: AtomicBool::new(false), inner: Mutex::new(inner) })
    }

    /// Registers with the loop: from here on the ticket's answer comes back.
    fn begin(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>) -> PyResult<Arc<Ticket>> {
        let py = slf.py();
        let this = slf.get();
        table::sweep(py, &this.shared);
        let queue = Arc::clone(bridge.get().queue());
        let ticket = this.shared.ticket(queue, false, this.caller.timeout, chain_of(py, &this.shared)?);
        let locals = Locals::capture(py, bridge.get().event_loop(py)?)?;
        {
            let mut inner = this.inner.lock();
            inner.bridge = Some(bridge.clone().unbind());
            inner.locals = Some(locals);
            inner.ticket = Some(Arc::clone(&ticket));
            inner.started = Some(Instant::now());
        }
        this.shared.offer_home(bridge.get().queue());
        bridge.get().expect(ticket.id, slf.clone().unbind());
        Ok(ticket)
    }

    /// Sends the command.
    fn start(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>) -> PyResult<()> {
        let this = slf.get();
        let phase = std::mem::replace(&mut this.inner.lock().phase, Phase::Running);
        let Phase::Unstarted(command, pending) = phase else {
            this.inner.lock().phase = phase;
            return Ok(());
        };
        let ticket = Self::begin(slf, bridge)?;
        start_pending(slf.py(), pending, Some(bridge), &this.shared)?;
        if let Err(error) = this.shared.submit(Arc::clone(&ticket), *command) {
            bridge.get().forget(ticket.id);
            Self::complete(slf, Err(error));
        }
        Ok(())
    }

    /// The isolate answered. Runs on the loop's thread.
    pub(crate) fn complete(slf: &Bound<'_, Self>, outcome: Result<Value, Error>) {
        let this = slf.get();
        let py = slf.py();
        let (callbacks, event_loop, dropped) = {
            let mut inner = this.inner.lock();
            if inner.cancelled || matches!(outcome, Err(Error::Cancelled)) {
                inner.cancelled = true;
            }
            if let (Some(started), Some(bridge)) = (inner.started, &inner.bridge) {
                bridge.get().learn(started.elapsed());
            }
            let dropped = std::mem::replace(&mut inner.phase, Phase::Ended(outcome));
            let event_loop = inner.locals.as_ref().map(|locals| locals.event_loop.clone_ref(py));
            (std::mem::take(&mut inner.callbacks), event_loop, dropped)
        };
        drop(dropped);
        if let Some(event_loop) = event_loop {
            for (callback, context) in callbacks {
                if let Err(error) = Self::call_soon(slf, event_loop.bind(py), &callback, context) {
                    error.write_unraisable(slf.py(), Some(slf.as_any()));
                }
            }
        }
    }

    fn call_soon(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>, callback: &Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        if let Some(context) = context {
            let keywords = PyDict::new(py);
            keywords.set_item("context", context)?;
            event_loop.call_method("call_soon", (callback, slf), Some(&keywords))?;
        } else {
            event_loop.call_method1("call_soon", (callback, slf))?;
        }
        Ok(())
    }

    /// The outcome reached the caller another way: nothing to report if this object is dropped.
    pub(crate) fn mark_seen(slf: &Bound<'_, Self>) {
        slf.get().inner.lock().retrieved = true;
    }

    /// The contextvars of the caller.
    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.inner.lock().locals.as_ref().map(|locals| locals.context.bind(py).clone())
    }

    fn is_done(&self) -> bool {
        matches!(self.inner.lock().phase, Phase::Ended(_) | Phase::Known(_))
    }

    /// The outcome, converted when first asked for.
    fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let raw = {
            let mut inner = self.inner.lock();
            inner.retrieved = true;
            if inner.cancelled {
                return Err(cancelled(py));
            }
            match &inner.phase {
                Phase::Known(Ok(value)) => return Ok(value.clone_ref(py)),
                Phase::Known(Err(error)) => return Err(again(py, error)),
                Phase::Unstarted(..) | Phase::Running => {
                    return Err(invalid_state(py, "Result is not set."));
                }
                Phase::Ended(_) => {}
            }
            // Conversion may run Python code: not under the lock.
            std::mem::replace(&mut inner.phase, Phase::Running)
        };
        let Phase::Ended(outcome) = raw else { unreachable!("checked above") };
        let known = match outcome {
            Ok(value) => to_py(py, value, &self.shared).map(Bound::unbind),
            Err(error) => Err(passing_exception(py, &error, &self.shared).unwrap_or_else(|| to_exception(py, error, &self.shared))),
        };
        let isolate = self.isolate.lock().take();
        drop(isolate);
        let (known, copy) = match known {
            Ok(value) => (Ok(value.clone_ref(py)), Ok(value)),
            Err(error) => {
                let object = error.into_value(py);
                (Err(object.clone_ref(py)), Err(again(py, &object)))
            }
        };
        self.inner.lock().phase = Phase::Known(known);
        copy
    }

    /// One step of the coroutine: the value by `StopIteration`, or itself to wait for.
    fn step(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        if matches!(this.inner.lock().phase, Phase::Unstarted(..)) {
            let bridge = LoopBridge::of_running(py)?;
            Self::start(slf, &bridge)?;
        }
        if !this.is_done() {
            let bridge = this.inner.lock().bridge.as_ref().map(|bridge| bridge.clone_ref(py));
            if let Some(bridge) = bridge {
                LoopBridge::glance(bridge.bind(py))?;
            }
        }
        if !this.is_done() {
            this.future_blocking.store(true, Ordering::Release);
            return Ok(slf.clone().into_any().unbind());
        }
        let thrown = this.inner.lock().thrown.take();
        if let Some(error) = thrown {
            return Err(again(py, &error));
        }
        let value = this.outcome(py)?;
        Err(PyStopIteration::new_err((value,)))
    }

    /// Asks the isolate to stop; the answer comes when it has, or shortly after.
    fn request_stop(&self) {
        let ticket = self.inner.lock().ticket.clone();
        if let Some(ticket) = ticket {
            self.shared.stop(&ticket, Cause::Cancelled);
        }
    }
}

/// Raises a kept exception once more.
fn again(py: Python<'_>, error: &Py<PyBaseException>) -> PyErr {
    PyErr::from_value(error.bind(py).clone().into_any())
}

fn cancelled(py: Python<'_>) -> PyErr {
    match imports::CANCELLED_ERROR.get(py).and_then(|class| class.call0()) {
        Ok(object) => PyErr::from_value(object),
        Err(error) => error,
    }
}

fn invalid_state(py: Python<'_>, text: &str) -> PyErr {
    match imports::INVALID_STATE.get(py).and_then(|class| class.call1((text,))) {
        Ok(object) => PyErr::from_value(object),
        Err(error) => error,
    }
}

#[pymethods]
impl Operation {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::step(slf)
    }

    /// Coroutine protocol.
    #[pyo3(signature = (_value, /))]
    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Self::step(slf)
    }

    /// Coroutine protocol: stops the operation, waits until the isolate has let go, then raises.
    #[pyo3(signature = (kind, value=None, _traceback=None, /))]
    fn throw(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let this = slf.get();
        let error = match value.filter(|value| !value.is_none()) {
            Some(value) => PyErr::from_value(value.clone()),
            None if kind.is_instance_of::<pyo3::types::PyType>() => PyErr::from_value(kind.call0()?),
            None => PyErr::from_value(kind.clone()),
        };
        let unstarted = matches!(this.inner.lock().phase, Phase::Unstarted(..));
        if unstarted {
            this.inner.lock().phase = Phase::Known(Err(error.value(slf.py()).clone().unbind()));
        }
        if unstarted || this.is_done() {
            this.inner.lock().retrieved = true;
            return Err(error);
        }
        {
            let mut inner = this.inner.lock();
            if inner.thrown.is_some() {
                // Thrown into a second time: no more waiting.
                return Err(error);
            }
            inner.thrown = Some(error.into_value(slf.py()));
            inner.retrieved = true;
        }
        this.request_stop();
        this.future_blocking.store(true, Ordering::Release);
        Ok(slf.clone().into_any().unbind())
    }

    /// Coroutine protocol: gives the operation up.
    fn close(&self, py: Python<'_>) {
        let mut inner = self.inner.lock();
        inner.retrieved = true;
        if matches!(inner.phase, Phase::Unstarted(..)) {
            inner.phase = Phase::Known(Err(PyTypeError::new_err("this operation was closed before it started").into_value(py)));
            return;
        }
        drop(inner);
        if !self.is_done() {
            self.request_stop();
        }
    }

    #[getter(_asyncio_future_blocking)]
    fn future_blocking(&self) -> bool {
        self.future_blocking.load(Ordering::Acquire)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_future_blocking(&self, value: bool) {
        self.future_blocking.store(value, Ordering::Release);
    }

    /// The loop that waits for the operation.
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.inner.lock().locals {
            Some(locals) => Ok(locals.event_loop.bind(py).clone()),
            None => imports::RUNNING_LOOP.get(py)?.call0(),
        }
    }

    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        if matches!(this.inner.lock().phase, Phase::Unstarted(..)) {
            let bridge = LoopBridge::of_running(py)?;
            Self::start(slf, &bridge)?;
        }
        let event_loop = {
            let mut inner = this.inner.lock();
            if matches!(inner.phase, Phase::Running) {
                inner.callbacks.push((callback, context));
                return Ok(());
            }
            inner.locals.as_ref().map(|locals| locals.event_loop.clone_ref(py))
        };
        match event_loop {
            Some(event_loop) => Self::call_soon(slf, event_loop.bind(py), &callback, context),
            None => Ok(()),
        }
    }

    /// Removes every registration of a callback; returns how many there were.
    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let callbacks = std::mem::take(&mut self.inner.lock().callbacks);
        let before = callbacks.len();
        let mut kept = Vec::with_capacity(before);
        for (other, context) in callbacks {
            if !other.bind(py).eq(callback)? {
                kept.push((other, context));
            }
        }
        let removed = before - kept.len();
        self.inner.lock().callbacks.splice(0..0, kept);
        Ok(removed)
    }

    /// Future protocol: stops the JavaScript; the operation is done once the isolate has let go.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<&Bound<'_, PyAny>>) -> bool {
        let _ = msg;
        let this = slf.get();
        {
            let mut inner = this.inner.lock();
            match inner.phase {
                Phase::Ended(_) | Phase::Known(_) => return false,
                Phase::Unstarted(..) => {
                    inner.cancelled = true;
                    inner.retrieved = true;
                    inner.phase = Phase::Known(Err(cancelled(slf.py()).into_value(slf.py())));
                    return true;
                }
                Phase::Running => inner.cancelled = true,
            }
            inner.retrieved = true;
        }
        this.request_stop();
        true
    }

    fn cancelled(&self) -> bool {
        self.is_done() && self.inner.lock().cancelled
    }

    fn done(&self) -> bool {
        self.is_done()
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.outcome(py)
    }

    /// Future protocol: the exception, or `None`.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if !self.is_done() {
            return Err(invalid_state(py, "Exception is not set."));
        }
        if self.inner.lock().cancelled {
            return Err(cancelled(py));
        }
        Ok(self.outcome(py).err().map(|error| error.into_value(py).into_any()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A collection may start anywhere: never wait for a lock that this thread may hold.
        if let Some(isolate) = self.isolate.try_lock() {
            visit.call(&*isolate)?;
        }
        let Some(inner) = self.inner.try_lock() else { return Ok(()) };
        match &inner.phase {
            Phase::Known(Ok(value)) => visit.call(value)?,
            Phase::Known(Err(error)) => visit.call(error)?,
            Phase::Unstarted(_, pending) => {
                for (_, awaitable) in pending {
                    visit.call(awaitable)?;
                }
            }
            Phase::Running | Phase::Ended(_) => {}
        }
        for (callback, context) in &inner.callbacks {
            visit.call(callback)?;
            visit.call(context)?;
        }
        visit.call(&inner.bridge)?;
        visit.call(&inner.thrown)?;
        if let Some(locals) = &inner.locals {
            visit.call(&locals.event_loop)?;
            visit.call(&locals.context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let isolate = self.isolate.lock().take();
        let parts = {
            let mut inner = self.inner.lock();
            inner.retrieved = true;
            let phase = std::mem::replace(&mut inner.phase, Phase::Running);
            (phase, std::mem::take(&mut inner.callbacks), inner.bridge.take(), inner.thrown.take(), inner.locals.take())
        };
        drop((isolate, parts));
    }

    fn __repr__(&self) -> String {
        let inner = self.inner.lock();
        let state = match &inner.phase {
            Phase::Unstarted(..) => "not started",
            Phase::Running if inner.cancelled => "being cancelled",
            Phase::Running => "running",
            _ if inner.cancelled => "cancelled",
            Phase::Ended(Ok(_)) | Phase::Known(Ok(_)) => "finished",
            Phase::Ended(Err(_)) | Phase::Known(Err(_)) => "failed",
        };
        format!("<jsrun {} {state}>", self.caller.what)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if inner.retrieved {
            return;
        }
        match &inner.phase {
            Phase::Unstarted(..) => {
                let text = format!("{} was never awaited", self.caller.what);
                let _ = Python::try_attach(|py| {
                    let Ok(text) = std::ffi::CString::new(text) else { return };
                    if let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1) {
                        error.write_unraisable(py, None);
                    }
                });
            }
            Phase::Ended(Err(error)) if !matches!(error, Error::Closed | Error::Terminated | Error::Cancelled) && !inner.cancelled => {
                let Some(locals) = inner.locals.take() else { return };
                let Phase::Ended(Err(error)) = std::mem::replace(&mut inner.phase, Phase::Running) else { return };
                let (shared, what) = (Arc::clone(&self.shared), self.caller.what);
                let _ = Python::try_attach(|py| tell_loop(py, &locals, error, &shared, what));
            }
            _ => {}
        }
    }
}

/// An error that nobody looked at goes to the loop's exception handler, as asyncio does it.
fn tell_loop(py: Python<'_>, locals: &Locals, error: Error, shared: &Arc<Shared>, what: &str) {
    let tell = || -> PyResult<()> {
        let event_loop = locals.event_loop.bind(py);
        if event_loop.call_method0("is_closed")?.is_truthy()? {
            return Ok(());
        }
        let context = PyDict::new(py);
        context.set_item("message", format!("jsrun {what}: exception was never retrieved"))?;
        context.set_item("exception", to_exception(py, error, shared).into_value(py))?;
        event_loop.call_method1("call_exception_handler", (context,))?;
        Ok(())
    };
    if let Err(error) = tell() {
        error.write_unraisable(py, None);
    }
}
