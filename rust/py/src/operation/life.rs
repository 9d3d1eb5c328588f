//! From the call to the outcome: starting, completing, converting, one step of `await`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jsrun_core::commands::Command;
use jsrun_core::error::Error;
use jsrun_core::reply::{Cause, Ticket};
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

use crate::bridge::{LoopBridge, Woken};
use crate::caller::{Caller, KeepAlive, chain_of, is_exit, passing_exception, start_pending};
use crate::convert::{Parts, Pending, to_py};
use crate::errors::to_exception;
use crate::table;
use crate::watch::Watched;

use super::state::{Inner, Locals, Operation, Phase, again, cancelled, invalid_state};

impl Operation {
    /// Makes an operation and starts it if a loop runs.
    pub(crate) fn create<'py>(py: Python<'py>, caller: Caller, command: Command, pending: Pending) -> PyResult<Bound<'py, Self>> {
        Self::create_for(KeepAlive::new(py, &caller.shared), py, caller, command, pending)
    }

    /// The same, by somebody who has the isolate's object at hand.
    pub(crate) fn create_for<'py>(
        isolate: KeepAlive,
        py: Python<'py>,
        caller: Caller,
        command: Command,
        pending: Pending,
    ) -> PyResult<Bound<'py, Self>> {
        let Some(bridge) = LoopBridge::of_running_or_none(py)? else {
            return Self::unstarted(py, isolate, caller, Phase::Unstarted(Box::new(command), pending));
        };
        let slf = Self::unstarted(py, isolate, caller, Phase::Running)?;
        Self::submit(&slf, &bridge, command, pending).inspect_err(|_| Self::mark_seen(&slf))?;
        Ok(slf)
    }

    /// An operation whose ticket is answered by something else than a command.
    pub(crate) fn adopt<'py>(
        py: Python<'py>,
        caller: Caller,
        bridge: &Bound<'py, LoopBridge>,
    ) -> PyResult<(Bound<'py, Self>, Arc<Ticket>)> {
        let slf = Self::unstarted(py, KeepAlive::new(py, &caller.shared), caller, Phase::Running)?;
        let ticket = Self::begin(&slf, bridge)?;
        Ok((slf, ticket))
    }

    fn unstarted(py: Python<'_>, isolate: KeepAlive, caller: Caller, phase: Phase) -> PyResult<Bound<'_, Self>> {
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
            watched: None,
            parts: Some(Parts::default()),
        };
        let shared = Arc::clone(&caller.shared);
        Bound::new(
            py,
            Self {
                shared,
                isolate,
                caller,
                yielded: AtomicBool::new(false),
                future_blocking: AtomicBool::new(false),
                inner: Mutex::new(inner),
            },
        )
    }

    /// Registers with the loop: from here on the ticket's answer comes back.
    fn begin(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>) -> PyResult<Arc<Ticket>> {
        let py = slf.py();
        let this = slf.get();
        table::sweep(py, &this.shared);
        let queue = Arc::clone(bridge.get().queue());
        let ticket = this.shared.ticket(queue, false, this.caller.timeouts, chain_of(py, &this.shared)?);
        let locals = Locals::capture(py, bridge.get().event_loop(py)?)?;
        {
            let mut inner = this.inner.lock();
            inner.bridge = Some(bridge.clone().unbind());
            inner.locals = Some(locals);
            inner.ticket = Some(Arc::clone(&ticket));
            // Only one that is alone tells how long an answer takes.
            inner.started = bridge.get().is_quiet().then(Instant::now);
        }
        bridge.get().offer_as_home(&this.shared);
        bridge.get().expect(ticket.id, slf.clone().unbind());
        Ok(ticket)
    }

    /// Tells whoever watches the runtime's operations that this one begins.
    pub(crate) fn watch(slf: &Bound<'_, Self>, command: &Command) {
        let this = slf.get();
        if let Some(watch) = this.isolate.watch() {
            let watched = watch.begin(slf.py(), command, this.context(slf.py()).as_ref());
            this.inner.lock().watched = watched;
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
        Self::submit(slf, bridge, *command, pending)
    }

    fn submit(slf: &Bound<'_, Self>, bridge: &Bound<'_, LoopBridge>, command: Command, pending: Pending) -> PyResult<()> {
        let this = slf.get();
        let ticket = Self::begin(slf, bridge)?;
        ticket.want_parts();
        Self::watch(slf, &command);
        start_pending(slf.py(), pending, Some(bridge), &this.shared)?;
        if let Err(error) = this.shared.submit(Arc::clone(&ticket), command) {
            bridge.get().forget(ticket.id);
            Self::complete(slf, Err(error));
        }
        Ok(())
    }

    /// Parts of the value are there. Runs on the loop's thread. What is meant to end the program goes on; other errors are the value's.
    pub(crate) fn take_parts(&self, py: Python<'_>) -> PyResult<()> {
        let (ticket, mut parts) = {
            let mut inner = self.inner.lock();
            let Some(ticket) = inner.ticket.clone().filter(|_| !inner.cancelled) else { return Ok(()) };
            // Where a signal handler came in between, these are left for the end.
            let Some(parts) = inner.parts.take() else { return Ok(()) };
            (ticket, parts)
        };
        // Conversion may run Python code: not under the lock.
        let taken = parts.take(py, &ticket, &self.shared);
        self.inner.lock().parts = Some(parts);
        taken.or_else(|error| if is_exit(error.value(py).as_any()) { Err(error) } else { Ok(()) })
    }

    /// The isolate answered. Runs on the loop's thread.
    pub(crate) fn complete(slf: &Bound<'_, Self>, outcome: Result<Value, Error>) {
        let this = slf.get();
        let py = slf.py();
        let lent = matches!(outcome, Ok(Value::Loan(_)));
        let watched = this.inner.lock().watched.take();
        let phase = match watched {
            Some(watched) => this.told(py, *watched, outcome),
            None => Phase::Ended(outcome),
        };
        let (callbacks, bridge, dropped) = {
            let mut inner = this.inner.lock();
            if inner.cancelled || matches!(phase, Phase::Ended(Err(Error::Cancelled))) {
                inner.cancelled = true;
            }
            if let (Some(started), Some(bridge)) = (inner.started, &inner.bridge) {
                bridge.get().learn(started.elapsed());
            }
            // Nobody gets the value of what was cancelled.
            let (phase, unwanted) =
                if inner.cancelled { (Phase::Ended(Err(Error::Cancelled)), Some((phase, inner.parts.take()))) } else { (phase, None) };
            let dropped = (std::mem::replace(&mut inner.phase, phase), unwanted);
            let bridge = inner.bridge.as_ref().map(|bridge| bridge.clone_ref(py));
            (std::mem::take(&mut inner.callbacks), bridge, dropped)
        };
        drop(dropped);
        if lent {
            // The isolate waits to be read; nobody has seen it for that.
            drop(this.known(py, false));
        }
        let Some(bridge) = bridge else { return };
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
                let error = passing_exception(py, &error, &self.shared).unwrap_or_else(|| to_exception(py, error, &self.shared));
                watched.end(py, Some(&error));
                self.isolate.release();
                self.inner.lock().retrieved |= quiet;
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
        self.inner.lock().locals.as_ref().map(|locals| locals.context.bind(py).clone())
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.inner.lock().phase, Phase::Ended(_) | Phase::Known(_))
    }

    /// The outcome, for somebody who wants to see it.
    pub(super) fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.known(py, true)
    }

    /// The outcome, converted when first asked for; whether somebody sees it.
    fn known(&self, py: Python<'_>, seen: bool) -> PyResult<Py<PyAny>> {
        let (raw, parts, ticket) = {
            let mut inner = self.inner.lock();
            inner.retrieved |= seen;
            if inner.cancelled {
                return Err(cancelled(py));
            }
            match &inner.phase {
                Phase::Known(Ok(value)) => return Ok(value.clone_ref(py)),
                Phase::Known(Err(error)) => return Err(again(py, error)),
                Phase::Unstarted(..) | Phase::Running => {
                    return Err(invalid_state(py, "Result is not set."));
                }
                Phase::Ended(_) if inner.parts.is_none() => {
                    return Err(invalid_state(py, "Result is being made."));
                }
                Phase::Ended(_) => {}
            }
            // Conversion may run Python code: not under the lock.
            let raw = std::mem::replace(&mut inner.phase, Phase::Running);
            let ticket = if matches!(raw, Phase::Ended(Ok(Value::Wire(_)))) { inner.ticket.clone() } else { None };
            (raw, inner.parts.take().unwrap_or_default(), ticket)
        };
        let Phase::Ended(outcome) = raw else { unreachable!("checked above") };
        let known = match outcome {
            Ok(value) => match ticket {
                Some(ticket) => parts.finish(py, &ticket, value, &self.shared),
                None => to_py(py, value, &self.shared),
            }
            .map(Bound::unbind),
            Err(error) => Err(passing_exception(py, &error, &self.shared).unwrap_or_else(|| to_exception(py, error, &self.shared))),
        };
        self.isolate.release();
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
    pub(super) fn step(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
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

    /// Asks the isolate to stop; the answer comes when it has, or shortly after.
    pub(super) fn request_stop(&self) {
        let ticket = self.inner.lock().ticket.clone();
        if let Some(ticket) = ticket {
            self.shared.stop(&ticket, Cause::Cancelled);
        }
    }
}
