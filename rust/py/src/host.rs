//! Running host functions on Python threads, and answering JavaScript.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jsrun_core::error::JsException;
use jsrun_core::isolate::{CallOutcome, InlineHost, Shared};
use jsrun_core::reply::{CallId, HostCall, Report};
use jsrun_core::value::Value;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;

use crate::bridge::LoopBridge;
use crate::caller::{is_exit, start_pending};
use crate::convert::{Pending, arguments, from_py, to_py};
use crate::errors::{from_exception, javascript_error};
use crate::{imports, table};

/// Synchronous host calls on Python stacks at this moment: while there are none, nobody need ask for the call chain.
static SYNC_CALLS: AtomicUsize = AtomicUsize::new(0);

/// Whether a synchronous host call runs anywhere.
pub(crate) fn in_sync_call() -> bool {
    SYNC_CALLS.load(Ordering::Acquire) != 0
}

/// Runs one host call on this thread, or starts its coroutine. An error is a `BaseException` that must go on through this thread.
pub(crate) fn perform(py: Python<'_>, mut call: HostCall, bridge: Option<&Bound<'_, LoopBridge>>) -> PyResult<()> {
    let args = std::mem::replace(&mut call.args, Value::Undefined);
    let (number, wait, shared) = (call.call, call.wait, &call.isolate);
    // Asked before it runs: it may end the operation.
    let awaited = !wait || call.op.is_none_or(|id| bridge.is_some_and(|bridge| bridge.get().operation(py, id).is_some()));
    let result = if wait { run_now(py, &call, args, bridge) } else { run_later(py, &call, args, bridge) };
    table::sweep(py, shared);
    let Err(error) = result else { return Ok(()) };
    if wait && !awaited && is_exit(error.value(py)) {
        // The blocking call stops and raises it: JavaScript gets no chance to catch it.
        return Err(error);
    }
    shared.answer_call(number, Err(from_exception(py, &error, shared)));
    if !is_exit(error.value(py)) || !wait {
        // JavaScript has it; without a loop it comes back to this thread as the outcome.
        return Ok(());
    }
    Err(error)
}

/// The bridge on whose loop this call belongs: that of the awaited operation, or the home loop's for background JavaScript.
fn place<'a, 'py>(
    py: Python<'py>,
    call: &HostCall,
    bridge: Option<&'a Bound<'py, LoopBridge>>,
) -> (Option<&'a Bound<'py, LoopBridge>>, Option<Bound<'py, PyAny>>) {
    let Some(bridge) = bridge else { return (None, None) };
    match call.op {
        None => (Some(bridge), None),
        Some(id) => match bridge.get().operation(py, id) {
            Some(operation) => (Some(bridge), operation.get().context(py)),
            None => (None, None),
        },
    }
}

fn callee<'py>(py: Python<'py>, shared: &Shared, target: u64) -> PyResult<Bound<'py, PyAny>> {
    table::get(py, shared, target).ok_or_else(|| pyo3::exceptions::PyReferenceError::new_err("this host function was released"))
}

fn run_now(py: Python<'_>, call: &HostCall, args: Value, bridge: Option<&Bound<'_, LoopBridge>>) -> PyResult<()> {
    let shared = &call.isolate;
    let (place, context) = place(py, call, bridge);
    let function = callee(py, shared, call.target)?;
    let args = arguments(py, args, shared)?;
    SYNC_CALLS.fetch_add(1, Ordering::AcqRel);
    let runner = imports::RUN_SYNC.get(py)?;
    let result = match &context {
        // A copy: the same operation's context may be entered already, further out on this stack.
        Some(context) => context.call_method0("copy")?.call_method1("run", (runner, shared.id, call.call, function, args)),
        None => runner.call1((shared.id, call.call, function, args)),
    };
    SYNC_CALLS.fetch_sub(1, Ordering::AcqRel);
    let mut pending = Pending::new();
    let value = from_py(&result?, shared, "$", &mut pending)?;
    shared.answer_call(call.call, Ok(value));
    for (call, awaitable) in pending {
        start(py, place, context.clone(), call, shared, (None, awaitable.into_bound(py)))?;
    }
    Ok(())
}

fn run_later(py: Python<'_>, call: &HostCall, args: Value, bridge: Option<&Bound<'_, LoopBridge>>) -> PyResult<()> {
    let (place, context) = place(py, call, bridge);
    let function = callee(py, &call.isolate, call.target)?;
    let args = arguments(py, args, &call.isolate)?;
    start(py, place, context, call.call, &call.isolate, (Some(function), args.into_any()))
}

/// Starts a coroutine: on the caller's loop, or on the portal.
pub(crate) fn start<'py>(
    py: Python<'py>,
    place: Option<&Bound<'py, LoopBridge>>,
    context: Option<Bound<'py, PyAny>>,
    call: CallId,
    shared: &Arc<Shared>,
    work: (Option<Bound<'py, PyAny>>, Bound<'py, PyAny>),
) -> PyResult<()> {
    let event_loop = place.map_or_else(|| py.None().into_bound(py), |bridge| bridge.get().event_loop(py));
    let context = match context {
        Some(context) => context,
        None => TaskLocals::new(event_loop.clone()).copy_context(py)?.context(py),
    };
    let place = place.map(|bridge| bridge.clone().unbind());
    let answer = Bound::new(py, Answer { shared: Arc::clone(shared), call, answered: AtomicBool::new(false), place })?;
    imports::START_ASYNC.get(py)?.call1((event_loop, context, answer, work.0, work.1))?;
    Ok(())
}

/// Cancels the coroutines behind these calls.
pub(crate) fn abandon(py: Python<'_>, calls: Vec<CallId>) {
    if let Err(error) = imports::ABANDON.get(py).and_then(|abandon| abandon.call1((calls,))) {
        error.write_unraisable(py, None);
    }
}

/// Passes on news that belong to no operation. An error is a Ctrl-C or an exit in the user's handler.
pub(crate) fn report(py: Python<'_>, shared: &Arc<Shared>, report: Report) -> PyResult<()> {
    match tell(py, shared, report) {
        Err(error) if is_exit(error.value(py)) => Err(error),
        Err(error) => {
            error.write_unraisable(py, None);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn tell(py: Python<'_>, shared: &Arc<Shared>, report: Report) -> PyResult<()> {
    let (exception, of_promise) = match report {
        Report::UnhandledRejection(exception, _) => (exception, true),
        Report::Uncaught(exception, _) => (exception, false),
        Report::Console(mut message) => {
            let values = message.values.take().map(|values| to_py(py, values, shared)).transpose()?;
            imports::CONSOLE.get(py)?.call1((shared.id, &message.level, &message.text, values, message.dropped))?;
            return Ok(());
        }
    };
    let error = javascript_error(py, *exception, shared, false)?;
    imports::REPORT.get(py)?.call1((shared.id, error, of_promise))?;
    Ok(())
}

/// Answers one asynchronous host call, once.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct Answer {
    shared: Arc<Shared>,
    call: CallId,
    answered: AtomicBool,
    /// That of the loop on which its coroutine runs; none on the portal.
    place: Option<Py<LoopBridge>>,
}

/// A task that is cancelled before its first step, or whose loop closes before it ran, says nothing: JavaScript is told all the same.
impl Drop for Answer {
    fn drop(&mut self) {
        if *self.answered.get_mut() || jsrun_core::isolate::is_forked() {
            return;
        }
        let _ = Python::try_attach(|py| {
            let told = imports::FORGET.get(py).and_then(|forget| forget.call1((self.call,)));
            let error = told.map_or_else(|error| error, PyErr::from_value);
            self.shared.answer_call(self.call, Err(from_exception(py, &error, &self.shared)));
        });
    }
}

#[pymethods]
impl Answer {
    /// Number of the isolate and of the call: the key of its task.
    #[getter]
    fn call(&self) -> CallId {
        self.call
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.place)
    }

    /// Makes the running loop the isolate's home, if it has none.
    fn offer_home(&self, py: Python<'_>) -> PyResult<()> {
        let bridge = LoopBridge::of_running(py)?;
        bridge.get().offer_as_home(&self.shared);
        Ok(())
    }

    /// JavaScript's promise fulfils with `value`.
    fn result(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.answered.store(true, Ordering::Relaxed);
        let mut pending = Pending::new();
        match from_py(value, &self.shared, "$", &mut pending) {
            Ok(value) => {
                self.shared.answer_call(self.call, Ok(value));
                if !pending.is_empty() {
                    start_pending(py, pending, LoopBridge::of_running_or_none(py)?.as_ref(), &self.shared)?;
                }
                self.place.as_ref().map_or(Ok(()), |bridge| LoopBridge::answered(bridge.bind(py)))
            }
            Err(error) => {
                self.shared.answer_call(self.call, Err(from_exception(py, &error, &self.shared)));
                Ok(())
            }
        }
    }

    /// JavaScript's promise rejects with `error`.
    fn error(&self, py: Python<'_>, error: Bound<'_, PyAny>) {
        self.answered.store(true, Ordering::Relaxed);
        let error = PyErr::from_value(error);
        self.shared.answer_call(self.call, Err(from_exception(py, &error, &self.shared)));
    }
}

/// Calls functions bound with `inline=True` on the isolate's thread: the one place where that thread touches Python.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    shared: OnceLock<Weak<Shared>>,
}

impl Inline {
    /// Ties it to its isolate.
    pub(crate) fn attach(&self, shared: &Arc<Shared>) {
        let _ = self.shared.set(Arc::downgrade(shared));
    }
}

impl InlineHost for Inline {
    fn call(&self, target: u64, args: Value) -> CallOutcome {
        let gone = |text: &str| Box::new(JsException { name: Some("Error".into()), message: text.into(), ..Default::default() });
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else { return Err(gone("the runtime is closed")) };
        stay_attachable();
        INLINE.set(shared.id);
        let _left = Leave;
        Python::try_attach(|py| {
            let run = || -> PyResult<Value> {
                let function = callee(py, &shared, target)?;
                let result = function.call1(arguments(py, args, &shared)?)?;
                let mut pending = Pending::new();
                let value = from_py(&result, &shared, "$", &mut pending)?;
                if pending.is_empty() {
                    return Ok(value);
                }
                Err(pyo3::exceptions::PyTypeError::new_err("a function bound with inline=True must not return an awaitable"))
            };
            run().map_err(|error| from_exception(py, &error, &shared))
        })
        .unwrap_or_else(|| Err(gone("the interpreter is shutting down")))
    }
}

thread_local! {
    /// The isolate whose inline function runs on this thread, or 0.
    static INLINE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Forgets the inline call when it ends, however it ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        INLINE.set(0);
    }
}

/// Refuses what would make an isolate's thread wait for itself.
pub(crate) fn check_not_inline(py: Python<'_>, shared: &Arc<Shared>) -> PyResult<()> {
    if INLINE.get() != shared.id {
        return Ok(());
    }
    let text = "a function bound with inline=True runs on the isolate's own thread and cannot use the same runtime; bind it without inline";
    Err(crate::errors::to_exception(py, jsrun_core::error::Error::Deadlock(text.into()), shared))
}

/// Keeps the calling thread's Python thread state between inline calls: making one for each call costs more than the call.
struct ThreadState;

impl Drop for ThreadState {
    fn drop(&mut self) {
        // SAFETY: balances the `PyGILState_Ensure` below, on the same thread; skipped when the interpreter is going away.
        let _ = Python::try_attach(|_| unsafe { pyo3::ffi::PyGILState_Release(pyo3::ffi::PyGILState_STATE::PyGILState_LOCKED) });
    }
}

fn stay_attachable() {
    thread_local! {
        static STATE: std::cell::OnceCell<ThreadState> = const { std::cell::OnceCell::new() };
    }
    STATE.with(|state| {
        state.get_or_init(|| {
            let _ = Python::try_attach(|_| {
                // SAFETY: attached; this only counts one more user of the thread state, so that detaching keeps it.
                unsafe { pyo3::ffi::PyGILState_Ensure() };
            });
            ThreadState
        });
    });
}
