//! `Isolate`: extracts arguments and submits commands.

use std::sync::Arc;
use std::time::Duration;

use jsrun_core::Binding;
use jsrun_core::commands::{Bind, Command, Eval};
use jsrun_core::error::Error;
use jsrun_core::isolate::{self, Shared};
use jsrun_core::reply::CallId;
use jsrun_core::value::{HostFunction, HostMode, Value};
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::blocking::{self, Ended};
use crate::bridge::LoopBridge;
use crate::convert::{Pending, from_py, to_py};
use crate::errors::to_exception;
use crate::operation::Operation;
use crate::{config, host, imports, table, timeout};

/// How long a blocking `close()` waits for the isolate's thread.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// Who asks for an operation.
pub(crate) struct Caller {
    /// The isolate.
    pub(crate) shared: Arc<Shared>,
    /// Its timeout, if one was given.
    pub(crate) timeout: Option<Duration>,
    /// Name for `repr` and warnings.
    pub(crate) what: &'static str,
}

/// One V8 isolate on its own thread.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct Isolate {
    isolate: Mutex<Option<isolate::Isolate>>,
    shared: Arc<Shared>,
    /// Host callables and exceptions that the engine refers to.
    objects: table::Objects,
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

/// Isolate threads alive in this process.
#[pyfunction]
pub(crate) fn live_isolates() -> usize {
    isolate::live_isolates()
}

/// V8's version.
#[pyfunction]
pub(crate) fn v8_version() -> &'static str {
    isolate::v8_version()
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
    timeout: Option<Duration>,
    bridge: Option<Bound<'py, LoopBridge>>,
) -> PyResult<Bound<'py, PyAny>> {
    host::check_not_inline(py, shared)?;
    table::sweep(py, shared);
    let queue = blocking::queue_of(bridge.as_ref())?;
    // The isolate outlives the call even if its last owner goes meanwhile.
    let _alive = table::isolate(py, shared);
    let ticket = shared.ticket(queue, true, timeout, chain_of(py, shared)?);
    shared.submit(Arc::clone(&ticket), command).map_err(|error| to_exception(py, error, shared))?;
    match blocking::wait(py, shared, &ticket, bridge.as_ref())? {
        Ended::Done(outcome) => finish(py, outcome, shared),
        Ended::Pending => Err(PyTypeError::new_err("a blocking call was told that it is pending")),
    }
}

fn finish<'py>(py: Python<'py>, outcome: Result<Value, Error>, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
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
    timeout: Option<Duration>,
    bridge: &Bound<'py, LoopBridge>,
    pending: Pending,
) -> PyResult<Bound<'py, PyAny>> {
    let caller = Caller { shared: Arc::clone(shared), timeout, what: "call" };
    let (operation, ticket) = Operation::adopt(py, caller, bridge)?;
    ticket.tell_pending();
    start_pending(py, pending, Some(bridge), shared)?;
    if let Err(error) = shared.submit(Arc::clone(&ticket), command) {
        bridge.get().forget(ticket.id);
        operation.call_method0("close")?;
        return Err(to_exception(py, error, shared));
    }
    match blocking::wait(py, shared, &ticket, Some(bridge)) {
        Ok(Ended::Pending) => Ok(operation.into_any()),
        Ok(Ended::Done(outcome)) => {
            bridge.get().forget(ticket.id);
            Operation::mark_seen(&operation);
            finish(py, outcome, shared)
        }
        Err(error) => {
            bridge.get().forget(ticket.id);
            Operation::mark_seen(&operation);
            Err(error)
        }
    }
}

impl Isolate {
    fn prepare(options: &Bound<'_, PyAny>) -> PyResult<(Self, isolate::Start)> {
        let inline = Arc::new(host::Inline::default());
        let (isolate, start) = isolate::Isolate::new(config::config(options)?, Some(inline.clone())).map_err(|error| match error {
            Error::Invalid(text) => PyValueError::new_err(text),
            other => imports::RUNTIME_CLOSED.error(options.py(), (other.to_string(),)),
        })?;
        let shared = Arc::clone(isolate.shared());
        inline.attach(&shared);
        Ok((Self { isolate: Mutex::new(Some(isolate)), shared, objects: Mutex::default() }, start))
    }

    /// Number of the isolate in this process.
    pub(crate) fn number(&self) -> u64 {
        self.shared.id
    }

    /// Host callables and exceptions that the engine refers to.
    pub(crate) fn objects(&self) -> &table::Objects {
        &self.objects
    }

    fn eval_command(code: &Bound<'_, PyAny>, filename: Option<String>) -> PyResult<Command> {
        Ok(Command::Eval(Eval { code: config::source(code)?, filename }))
    }
}

#[pymethods]
impl Isolate {
    /// Makes an isolate and blocks until it is ready.
    #[staticmethod]
    fn open<'py>(options: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = options.py();
        let (this, start) = Self::prepare(options)?;
        let slf = Bound::new(py, this)?;
        table::register(&slf)?;
        let this = slf.get();
        let bridge = LoopBridge::of_running_or_none(py)?;
        let queue = blocking::queue_of(bridge.as_ref())?;
        let ready = this.shared.ticket(queue, true, None, None);
        start.start(Arc::clone(&ready)).map_err(|error| to_exception(py, error, &this.shared))?;
        match blocking::wait(py, &this.shared, &ready, bridge.as_ref())? {
            Ended::Done(outcome) => finish(py, outcome, &this.shared)?,
            Ended::Pending => return Err(PyTypeError::new_err("a new isolate was told that it is pending")),
        };
        if let Some(bridge) = bridge {
            this.shared.offer_home(bridge.get().queue());
        }
        Ok(slf)
    }

    /// Makes an isolate; the operation ends when it is ready.
    #[staticmethod]
    fn create<'py>(options: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, Self>, Bound<'py, Operation>)> {
        let py = options.py();
        let (this, start) = Self::prepare(options)?;
        let bridge = LoopBridge::of_running(py)?;
        let slf = Bound::new(py, this)?;
        table::register(&slf)?;
        let this = slf.get();
        let caller = Caller { shared: Arc::clone(&this.shared), timeout: None, what: "create" };
        let (operation, ready) = Operation::adopt(py, caller, &bridge)?;
        start.start(ready).map_err(|error| {
            Operation::mark_seen(&operation);
            to_exception(py, error, &this.shared)
        })?;
        this.shared.offer_home(bridge.get().queue());
        Ok((slf, operation))
    }

    /// Number of the isolate in this process.
    #[getter]
    fn id(&self) -> u64 {
        self.shared.id
    }

    #[pyo3(signature = (code, timeout, filename))]
    fn eval<'py>(
        &self,
        code: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        filename: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = code.py();
        let command = Self::eval_command(code, filename)?;
        run_blocking(py, &self.shared, command, timeout::parse(timeout)?, LoopBridge::of_running_or_none(py)?)
    }

    #[pyo3(signature = (code, timeout, filename))]
    fn eval_async<'py>(
        &self,
        code: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        filename: Option<String>,
    ) -> PyResult<Bound<'py, Operation>> {
        let command = Self::eval_command(code, filename)?;
        let caller = Caller { shared: Arc::clone(&self.shared), timeout: timeout::parse(timeout)?, what: "eval_async" };
        Operation::create(code.py(), caller, command, Pending::new())
    }

    /// Puts `value` on the global; callables inside become functions.
    fn bind(&self, name: String, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let mut pending = Pending::new();
        let value = from_py(value, &self.shared, "$", &mut pending)?;
        let bridge = LoopBridge::of_running_or_none(py)?;
        start_pending(py, pending, bridge.as_ref(), &self.shared)?;
        let command = Command::Bind(Bind { binding: Binding::Global { name, value } });
        run_blocking(py, &self.shared, command, None, bridge)?;
        Ok(())
    }

    /// Makes `function` callable by number.
    fn register_op(&self, id: u32, name: String, function: &Bound<'_, PyAny>, asynchronous: bool) -> PyResult<()> {
        let py = function.py();
        let target = table::keep(function.clone(), &self.shared);
        let mode = if asynchronous { HostMode::Async } else { HostMode::Sync };
        let binding = Binding::Operation { id, function: HostFunction { target, name, mode } };
        run_blocking(py, &self.shared, Command::Bind(Bind { binding }), None, LoopBridge::of_running_or_none(py)?)?;
        Ok(())
    }

    fn terminate(&self) {
        self.shared.terminate();
    }

    /// Ends the isolate; with `wait`, blocks until its thread has freed everything, unless this code runs inside one of its own host calls.
    fn close(&self, py: Python<'_>, wait: bool) -> PyResult<()> {
        let owned = self.isolate.lock().take();
        drop(owned);
        self.shared.close();
        if wait && chain_of(py, &self.shared)?.is_none() {
            py.detach(|| self.shared.wait_closed(CLOSE_WAIT));
        }
        table::sweep(py, &self.shared);
        Ok(())
    }

    /// Ends the isolate; the operation ends when its thread has freed everything.
    fn aclose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Operation>> {
        let bridge = LoopBridge::of_running(py)?;
        let caller = Caller { shared: Arc::clone(&self.shared), timeout: Some(Duration::MAX), what: "aclose" };
        let inside = chain_of(py, &self.shared)?.is_some();
        let (operation, ticket) = Operation::adopt(py, caller, &bridge)?;
        self.close(py, false)?;
        if inside {
            ticket.answer(Ok(Value::Undefined));
        } else {
            self.shared.notify_closed(ticket);
        }
        Ok(operation)
    }

    fn is_closed(&self) -> bool {
        self.shared.is_closing()
    }

    /// Figures for `get_stats`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        use std::sync::atomic::Ordering::Relaxed;
        let counters = &self.shared.counters;
        let figures = PyDict::new(py);
        for (name, counter) in [
            ("operations", &counters.operations),
            ("run_nanos", &counters.run_nanos),
            ("last_nanos", &counters.last_nanos),
            ("pending", &counters.pending),
            ("handles", &counters.handles),
            ("heap_used", &counters.heap_used),
            ("heap_total", &counters.heap_total),
            ("heap_physical", &counters.heap_physical),
            ("external", &counters.external),
        ] {
            figures.set_item(name, counter.load(Relaxed))?;
        }
        let stops: Vec<u64> = counters.stops.iter().map(|counter| counter.load(Relaxed)).collect();
        figures.set_item("stops", stops)?;
        let kinds: Vec<u64> = counters.kinds.iter().map(|counter| counter.load(Relaxed)).collect();
        figures.set_item("kinds", kinds)?;
        figures.set_item("last_kind", counters.last_kind.load(Relaxed))?;
        Ok(figures)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A collection may start anywhere: never wait for a lock that this thread may hold.
        if let Some(objects) = self.objects.try_lock() {
            for object in objects.values() {
                visit.call(object)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let objects = std::mem::take(&mut *self.objects.lock());
        drop(objects);
        self.shared.close();
    }

    fn __repr__(&self) -> String {
        let state = if self.shared.is_closing() { "closed" } else { "open" };
        format!("<Isolate {} {state}>", self.shared.id)
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        table::unregister(self.shared.id);
    }
}
