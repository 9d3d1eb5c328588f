//! The coroutine and future protocols as asyncio speaks them, and what happens to outcomes that nobody looks at.

use std::sync::atomic::Ordering;

use jsrun_core::error::Error;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyRuntimeWarning, PyTypeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::bridge::{LoopBridge, Woken};
use crate::caller::Caller;
use crate::errors::{thrown, to_exception};
use crate::imports;

use super::gathered::by_gather;
use super::state::{Operation, Phase, cancelled, invalid_state};

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
        let error = thrown(kind, value)?;
        let py = slf.py();
        if this.end_unstarted(py, || error.clone_ref(py), false) {
            return Err(error);
        }
        if this.is_done() {
            Self::mark_seen(slf);
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
        this.yielded.store(true, Ordering::Release);
        this.future_blocking.store(true, Ordering::Release);
        Ok(slf.clone().into_any().unbind())
    }

    /// Coroutine protocol: gives the operation up.
    fn close(&self, py: Python<'_>) {
        if self.end_unstarted(py, || PyTypeError::new_err("this operation was closed before it started"), false) {
            return;
        }
        let done = {
            let mut inner = self.inner.lock();
            inner.retrieved = true;
            inner.is_done()
        };
        if !done {
            self.request_stop();
        }
    }

    /// asyncio's mark of a future that was yielded. `None` before: `ensure_future` then wraps the coroutine in a task, as it does with any
    /// other, and `asyncio.wait` takes the result. `gather` is given the future at once.
    #[getter(_asyncio_future_blocking)]
    fn future_blocking(&self, py: Python<'_>) -> Option<bool> {
        let is_future = self.yielded.load(Ordering::Acquire) || (self.begun.get().is_some() && by_gather(py));
        is_future.then(|| self.future_blocking.load(Ordering::Acquire))
    }

    #[setter(_asyncio_future_blocking)]
    fn set_future_blocking(&self, value: bool) {
        self.future_blocking.store(value, Ordering::Release);
    }

    /// The loop that waits for the operation.
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.begun.get() {
            Some(begun) => Ok(begun.event_loop.bind(py).clone()),
            None => imports::RUNNING_LOOP.get(py)?.call0(),
        }
    }

    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let context = match context {
            // As asyncio's futures: what is set now is what the callback finds.
            None => imports::COPY_CONTEXT.get(py)?.call0()?.unbind(),
            Some(context) => context,
        };
        let event_loop = match this.begun.get() {
            Some(begun) => begun.event_loop.bind(py).clone(),
            None => {
                let bridge = LoopBridge::of_running(py)?;
                Self::start(slf, &bridge)?;
                bridge.get().event_loop(py)
            }
        };
        {
            let mut inner = this.inner.lock();
            if matches!(inner.phase, Phase::Running) {
                inner.callbacks.push((callback, context));
                return Ok(());
            }
        }
        Woken { operation: slf.clone().unbind(), callback, context }.schedule(&event_loop)
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
        if this.end_unstarted(slf.py(), || cancelled(slf.py()), true) {
            return true;
        }
        {
            let mut inner = this.inner.lock();
            if inner.is_done() {
                return false;
            }
            inner.cancelled = true;
            inner.retrieved = true;
        }
        this.request_stop();
        true
    }

    /// What `gather` asks of a future that was cancelled.
    #[pyo3(name = "_make_cancelled_error")]
    fn make_cancelled_error<'py>(&self, py: Python<'py>) -> Bound<'py, PyBaseException> {
        cancelled(py).into_value(py).into_bound(py)
    }

    /// What `gather` asks of a future that was cancelled: operations have no message.
    #[getter(_cancel_message)]
    fn cancel_message(&self) -> Option<String> {
        None
    }

    fn cancelled(&self) -> bool {
        let inner = self.inner.lock();
        inner.cancelled && inner.is_done()
    }

    fn done(&self) -> bool {
        self.is_done()
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.outcome(py)
    }

    /// Future protocol: the exception, or `None`.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let (done, cancelled) = {
            let inner = self.inner.lock();
            (inner.is_done(), inner.cancelled)
        };
        if !done {
            return Err(invalid_state(py, "Exception is not set."));
        }
        match self.outcome(py) {
            Err(error) if cancelled => Err(error),
            outcome => Ok(outcome.err().map(|error| error.into_value(py).into_any())),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(begun) = self.begun.get() {
            visit.call(&begun.bridge)?;
            visit.call(&begun.event_loop)?;
            visit.call(&begun.context)?;
        }
        let Some(inner) = self.inner.try_lock() else { return Ok(()) };
        visit.call(&inner.isolate)?;
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
        if let Some(parts) = &inner.parts {
            parts.traverse(&visit)?;
        }
        visit.call(&inner.thrown)
    }

    fn __clear__(&self) {
        let parts = {
            let mut inner = self.inner.lock();
            inner.retrieved = true;
            let phase = std::mem::replace(&mut inner.phase, Phase::Running);
            let rest = (inner.isolate.take(), inner.thrown.take(), inner.parts.take());
            (phase, std::mem::take(&mut inner.callbacks), rest)
        };
        drop(parts);
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
            Phase::Ended(Err(Error::Closed | Error::Terminated | Error::Cancelled)) => {}
            Phase::Ended(Err(_)) | Phase::Known(Err(_)) if !inner.cancelled => {
                let Some(begun) = self.begun.get() else { return };
                let phase = std::mem::replace(&mut inner.phase, Phase::Running);
                let Caller { shared, what, .. } = &self.caller;
                let _ = Python::try_attach(|py| {
                    let error = match phase {
                        Phase::Ended(Err(error)) => to_exception(py, error, shared).into_value(py),
                        Phase::Known(Err(error)) => error,
                        _ => return,
                    };
                    tell_loop(begun.event_loop.bind(py), error, what);
                });
            }
            _ => {}
        }
    }
}

/// An error that nobody looked at goes to the loop's exception handler, as asyncio does it.
fn tell_loop(event_loop: &Bound<'_, PyAny>, error: Py<PyBaseException>, what: &str) {
    let py = event_loop.py();
    let tell = || -> PyResult<()> {
        if event_loop.call_method0("is_closed")?.is_truthy()? {
            return Ok(());
        }
        let context = PyDict::new(py);
        context.set_item("message", format!("jsrun {what}: exception was never retrieved"))?;
        context.set_item("exception", error)?;
        event_loop.call_method1("call_exception_handler", (context,))?;
        Ok(())
    };
    if let Err(error) = tell() {
        error.write_unraisable(py, None);
    }
}
