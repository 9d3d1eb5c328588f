//! From the call to the outcome: starting, completing, converting, one step of `await`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::reply::{Cause, Ticket};
use jsrun_core::value::Value;
use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

use crate::bridge::{LoopBridge, Woken};
use crate::caller::{Caller, finish, is_exit, passing_exception, start_pending};
use crate::convert::{Parts, Pending, to_py};
use crate::errors::to_exception;
use crate::isolate::Isolate;
use crate::table;
use crate::watch::Watched;

use super::state::{Begun, Inner, Operation, Phase, again, cancelled, invalid_state};

impl Operation {
    /// Makes an operation and starts it if a loop runs.
    pub(crate) fn create<'py>(py: Python<'py>, caller: Caller, command: Command, pending: Pending) -> PyResult<Bound<'py, Self>> {
        Self::create_for(table::isolate(py, &caller.shared), py, caller, command, pending)
    }

    /// The same, by somebody who has the isolate's object at hand.
    pub(crate) fn create_for<'py>(
        isolate: Option<Bound<'py, Isolate>>,
        py: Python<'py>,
        caller: Caller,
        command: Command,
        pending: Pending,
    ) -> PyResult<Bound<'py, Self>> {
        let Some(bridge) = LoopBridge::of_running_or_none(py)? else {
            let phase = Phase::Unstarted(Box::new(command), pending);
            return Bound::new(py, Self::new(isolate, caller, phase, OnceLock::new()));
        };
        let begun = Begun::new(&caller, &bridge)?;
        let slf = Self::running(isolate, caller, &bridge, begun)?;
        Self::submit(&slf, &bridge, command, pending).inspect_err(|_| Self::mark_seen(&slf))?;
        Ok(slf)
    }

    /// An operation whose ticket is answered by something else than a command.
    pub(crate) fn adopt<'py>(
        py: Python<'py>,
        caller: Caller,
        bridge: &Bound<'py, LoopBridge>,
    ) -> PyResult<(Bound<'py, Self>, Arc<Ticket>)> {
        let isolate = table::isolate(py, &caller.shared);
        let begun = Begun::new(&caller, bridge)?;
        let ticket = Arc::clone(&begun.ticket);
        Ok((Self::running(isolate, caller, bridge, begun)?, ticket))
    }

    /// One that the loop waits for: from here on the ticket's answer comes back.
    fn running<'py>(
        isolate: Option<Bound<'py, Isolate>>,
        caller: Caller,
        bridge: &Bound<'py, LoopBridge>,
        begun: Begun,
    ) -> PyResult<Bound<'py, Self>> {
        let id = begun.ticket.id;
        let slf = Bound::new(bridge.py(), Self::new(isolate, caller, Phase::Running, OnceLock::from(begun)))?;
        bridge.get().expect(id, slf.clone().unbind());
        Ok(slf)
    }

    fn new(isolate: Option<Bound<'_, Isolate>>, caller: Caller, phase: Phase, begun: OnceLock<Begun>) -> Self {
        let inner = Inner {
            phase,
            callbacks: Vec::new(),
            isolate: isolate.map(Bound::unbind),
            cancelled: false,
            thrown: None,
            retrieved: false,
            watched: None,
            parts: Some(Parts::default()),
        };
        Self { caller, begun, yielded: AtomicBool::new(false), future_blocking: AtomicBool::new(false), inner: Mutex::new(inner) }
    }

    /// Tells whoever watches the runtime's operations that this one begins.
    pub(crate) fn watch(&self, py: Python<'_>, command: &Command) {
        let watch = self.inner.lock().isolate.as_ref().and_then(|isolate| isolate.get().watch().cloned());
        if let Some(watch) = watch {
            let watched = watch.begin(py, command, self.context(py).as_ref());
            self.inner.lock().watched = watched;
        }
    }

    /// Sends the command, which waited for a loop.
    pub(super) fn start(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>) -> PyResult<()> {
        let this = slf.get();
        let phase = std::mem::replace(&mut this.inner.lock().phase, Phase::Running);
        let Phase::Unstarted(command, pending) = phase else {
            this.inner.lock().phase = phase;
            return Ok(());
        };
        let begun = Begun::new(&this.caller, bridge)?;
        let id = begun.ticket.id;
        if this.begun.set(begun).is_err() {
            unreachable!("it starts once")
        }
        bridge.get().expect(id, slf.clone().unbind());
        Self::submit(slf, bridge, *command, pending)
    }

    fn submit(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>, command: Command, pending: Pending) -> PyResult<()> {
        let this = slf.get();
        let Some(Begun { ticket, .. }) = this.begun.get() else { return Ok(()) };
        let shared = &this.caller.shared;
        ticket.want_parts();
        this.watch(slf.py(), &command);
        start_pending(slf.py(), pending, Some(bridge), shared)?;
        if let Err(error) = shared.submit(Arc::clone(ticket), command) {
            bridge.get().forget(ticket.id);
            Self::complete(slf, Err(error));
        }
        Ok(())
    }

    /// Parts of the value are there. Runs on the loop's thread. What is meant to end the program goes on; other errors are the value's.
    pub(crate) fn take_parts(&self, py: Python<'_>) -> PyResult<()> {
        let Some(Begun { ticket, .. }) = self.begun.get() else { return Ok(()) };
        let mut parts = {
            let mut inner = self.inner.lock();
            if inner.cancelled {
                return Ok(());
            }
            // Where a signal handler came in between, these are left for the end.
            let Some(parts) = inner.parts.take() else { return Ok(()) };
            parts
        };
        // Conversion may run Python code: not under the lock.
        let taken = parts.take(py, ticket, &self.caller.shared);
        self.inner.lock().parts = Some(parts);
        taken.or_else(|error| if is_exit(error.value(py).as_any()) { Err(error) } else { Ok(()) })
    }

    /// The isolate answered. Runs on the loop's thread.
    pub(crate) fn complete(slf: &Bound<'_, Self>, outcome: Result<Value, Error>) {
        let this = slf.get();
        let py = slf.py();
        let lent = matches!(outcome, Ok(Value::Loan(_)));
        let (callbacks, dropped) = {
            let mut inner = this.inner.lock();
            let phase = match inner.watched.take() {
                Some(watched) => MutexGuard::unlocked(&mut inner, || this.told(py, *watched, outcome)),
                None => Phase::Ended(outcome),
            };
            if inner.cancelled || matches!(phase, Phase::Ended(Err(Error::Cancelled))) {
                inner.cancelled = true;
            }
            // Nobody gets the value of what was cancelled.
            let (phase, unwanted) =
                if inner.cancelled { (Phase::Ended(Err(Error::Cancelled)), Some((phase, inner.parts.take()))) } else { (phase, None) };
            let dropped = (std::mem::replace(&mut inner.phase, phase), unwanted);
            (std::mem::take(&mut inner.callbacks), dropped)
        };
        drop(dropped);
        if lent {
            // The isolate waits to be read; nobody has seen it for that.
            drop(this.known(py, false));
        }
        let Some(Begun { bridge, .. }) = this.begun.get() else { return };
        for (callback, context) in callbacks {
            let one = Woken { operation: slf.clone().unbind(), callback, context };
            if let Err(error) = LoopBridge::wake(bridge.bind(py), one) {
                error.write_unraisable(py, Some(slf.as_any()));
            }
        }
    }

    /// Tells of the end. A span has the exception, which then is made already.
    fn told(&self, py: Python<'_>, watched: Watched, outcome: Result<Value, Error>) -> Phase {
        let cancelled_already = self.inner.lock().cancelled;
        match outcome {
            Err(Error::Cancelled) => {
                watched.end(py, Some(&cancelled(py)));
                Phase::Ended(Err(Error::Cancelled))
            }
            outcome if cancelled_already => {
                watched.end(py, Some(&cancelled(py)));
                Phase::Ended(outcome)
            }
            Err(error) if watched.wants_error() => {
                // Nobody need hear of it, if nobody asks.
                let quiet = matches!(error, Error::Closed | Error::Terminated);
                let shared = &self.caller.shared;
                let error = passing_exception(py, &error, shared).unwrap_or_else(|| to_exception(py, error, shared));
                watched.end(py, Some(&error));
                let isolate = {
                    let mut inner = self.inner.lock();
                    inner.retrieved |= quiet;
                    inner.isolate.take()
                };
                drop(isolate);
                Phase::Known(Err(error.into_value(py)))
            }
            outcome => {
                watched.end(py, None);
                Phase::Ended(outcome)
            }
        }
    }

    /// The outcome, which is this, reached the caller another way.
    pub(crate) fn settle(slf: &Bound<'_, Self>, result: &PyResult<Bound<'_, PyAny>>) {
        Self::mark_seen(slf);
        let watched = slf.get().inner.lock().watched.take();
        if let Some(watched) = watched {
            watched.end(slf.py(), result.as_ref().err());
        }
    }

    /// The outcome reached the caller another way: nothing to report if this object is dropped.
    pub(crate) fn mark_seen(slf: &Bound<'_, Self>) {
        slf.get().inner.lock().retrieved = true;
    }

    /// The contextvars of the caller.
    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.begun.get().map(|begun| begun.context.bind(py).clone())
    }

    pub(super) fn is_done(&self) -> bool {
        self.inner.lock().is_done()
    }

    /// The outcome, for somebody who wants to see it.
    pub(super) fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.known(py, true)
    }

    /// The outcome, converted when first asked for; whether somebody sees it.
    fn known(&self, py: Python<'_>, seen: bool) -> PyResult<Py<PyAny>> {
        let mut inner = self.inner.lock();
        inner.retrieved |= seen;
        // Making an exception may start a collection, and that run Python code: not under the lock.
        let refusal = match &inner.phase {
            _ if inner.cancelled => None,
            Phase::Known(Ok(value)) => return Ok(value.clone_ref(py)),
            Phase::Known(Err(error)) => return Err(again(py, error)),
            Phase::Unstarted(..) | Phase::Running => Some("Result is not set."),
            Phase::Ended(_) if inner.parts.is_none() => Some("Result is being made."),
            Phase::Ended(_) => return self.know(py, inner),
        };
        drop(inner);
        Err(refusal.map_or_else(|| cancelled(py), |text| invalid_state(py, text)))
    }

    /// Converts the outcome, which is there.
    fn know(&self, py: Python<'_>, mut inner: MutexGuard<'_, Inner>) -> PyResult<Py<PyAny>> {
        let Phase::Ended(outcome) = std::mem::replace(&mut inner.phase, Phase::Running) else { unreachable!("checked above") };
        let known = match outcome {
            Ok(value) if value.is_plain() => to_py(py, value, &self.caller.shared).map(Bound::unbind).map_err(|error| error.into_value(py)),
            outcome => {
                let parts = inner.parts.take().unwrap_or_default();
                // Conversion may run Python code, and so may what makes the exception.
                MutexGuard::unlocked(&mut inner, || self.converted(py, outcome, parts).map_err(|error| error.into_value(py)))
            }
        };
        let copy = match &known {
            Ok(value) => Ok(value.clone_ref(py)),
            Err(error) => Err(again(py, error)),
        };
        inner.phase = Phase::Known(known);
        let isolate = inner.isolate.take();
        // This may be its last reference.
        drop(inner);
        drop(isolate);
        copy
    }

    fn converted(&self, py: Python<'_>, outcome: Result<Value, Error>, parts: Parts) -> PyResult<Py<PyAny>> {
        let shared = &self.caller.shared;
        let value = match (outcome, self.begun.get()) {
            (Ok(value), Some(begun)) => parts.finish(py, &begun.ticket, value, shared),
            (outcome, _) => finish(py, outcome, shared),
        };
        value.map(Bound::unbind)
    }

    /// One step of the coroutine: the value by `StopIteration`, or itself to wait for.
    pub(super) fn step(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        if matches!(this.inner.lock().phase, Phase::Unstarted(..)) {
            let bridge = LoopBridge::of_running(py)?;
            Self::start(slf, &bridge)?;
        }
        if !this.is_done()
            && let Some(Begun { bridge, .. }) = this.begun.get()
        {
            LoopBridge::glance(bridge.bind(py))?;
        }
        if !this.is_done() {
            this.yielded.store(true, Ordering::Release);
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

    /// Ends an operation that has not started; false if it has, or has ended.
    pub(super) fn end_unstarted(&self, py: Python<'_>, error: impl FnOnce() -> PyErr, cancelled: bool) -> bool {
        if self.begun.get().is_some() {
            return false;
        }
        // Python code may run when the exception is made, and when what was to be sent is dropped: not under the lock.
        let error = error().into_value(py);
        let mut inner = self.inner.lock();
        if !matches!(inner.phase, Phase::Unstarted(..)) {
            return false;
        }
        inner.cancelled = cancelled;
        inner.retrieved = true;
        let unsent = std::mem::replace(&mut inner.phase, Phase::Known(Err(error)));
        drop(inner);
        drop(unsent);
        true
    }

    /// Asks the isolate to stop; the answer comes when it has, or shortly after.
    pub(super) fn request_stop(&self) {
        if let Some(Begun { ticket, .. }) = self.begun.get() {
            self.caller.shared.stop(ticket, Cause::Cancelled);
        }
    }
}
