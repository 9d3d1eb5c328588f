//! `Isolate`: extracts arguments and submits commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsrun_core::Binding;
use jsrun_core::commands::{Bind, Command, Eval, EvalModule};
use jsrun_core::error::Error;
use jsrun_core::isolate::{self, Shared};
use jsrun_core::reply::Timeouts;
use jsrun_core::value::{HostFunction, HostMode, Value};
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::blocking::{self, Ended};
use crate::bridge::LoopBridge;
use crate::caller::{Caller, chain_of, finish, run_blocking, start_pending};
use crate::convert::{Parts, Pending, from_py};
use crate::errors::to_exception;
use crate::folder::PackageFolder;
use crate::operation::Operation;
use crate::watch::Watch;
use crate::{config, figures, host, imports, inspector, table, timeout};

/// How long a blocking `close()` waits for the isolate's thread.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// One V8 isolate on its own thread.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct Isolate {
    isolate: Mutex<Option<isolate::Isolate>>,
    shared: Arc<Shared>,
    /// Host callables and exceptions that the engine refers to.
    objects: table::Objects,
    /// What is to be told of its operations.
    watch: Option<Arc<Watch>>,
    /// The log has it that the heap stays full.
    condemned: AtomicBool,
}

impl Isolate {
    /// Carries out a binding.
    fn put(&self, py: Python<'_>, binding: Binding) -> PyResult<()> {
        run_blocking(py, &self.shared, Command::Bind(Bind { binding }), None, LoopBridge::of_running_or_none(py)?)?;
        Ok(())
    }

    /// A function that the engine itself asks.
    fn hook(&self, function: Bound<'_, PyAny>, name: &str) -> HostFunction {
        HostFunction { target: table::keep(function, &self.shared), name: name.into(), mode: HostMode::Sync, home: None }
    }

    fn prepare(options: &Bound<'_, PyAny>) -> PyResult<(Self, isolate::Start)> {
        let inline = Arc::new(host::Inline::default());
        let (isolate, start) = isolate::Isolate::new(config::config(options)?, Some(inline.clone())).map_err(|error| match error {
            Error::Invalid(text) => PyValueError::new_err(text),
            other => imports::RUNTIME_CLOSED.error(options.py(), (other.to_string(),)),
        })?;
        let shared = Arc::clone(isolate.shared());
        inline.attach(&shared);
        // Before anything runs: the bootstrap script may write to the console.
        imports::LISTEN.get(options.py())?.call1((shared.id, options))?;
        let watch = Watch::new(options, shared.id)?;
        let condemned = AtomicBool::new(false);
        Ok((Self { isolate: Mutex::new(Some(isolate)), shared, objects: Mutex::default(), watch, condemned }, start))
    }

    /// Has the handler of the configuration, if there is one, answer `fetch`. The isolate must be registered.
    fn with_fetch(&self, options: &Bound<'_, PyAny>, start: isolate::Start) -> PyResult<isolate::Start> {
        let handler = options.getattr("fetch")?;
        if handler.is_none() {
            return Ok(start);
        }
        let target = table::keep(imports::FETCH.get(options.py())?.call1((handler,))?, &self.shared);
        Ok(start.with_fetch(HostFunction { target, name: "fetch".into(), mode: HostMode::Async, home: None }))
    }

    /// Number of the isolate in this process.
    pub(crate) fn number(&self) -> u64 {
        self.shared.id
    }

    /// What other threads see of the isolate.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What is to be told of its operations, if something is.
    pub(crate) fn watch(&self) -> Option<&Arc<Watch>> {
        self.watch.as_ref()
    }

    /// Whether nobody has been told yet that the heap stays full; from now on somebody has.
    pub(crate) fn tell_condemned(&self) -> bool {
        !self.condemned.swap(true, Ordering::AcqRel)
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
        let start = this.with_fetch(options, start)?;
        let bridge = LoopBridge::of_running_or_none(py)?;
        let queue = blocking::queue_of(bridge.as_ref())?;
        let ready = this.shared.ticket(queue, true, Timeouts::default(), None);
        start.start(Arc::clone(&ready)).map_err(|error| to_exception(py, error, &this.shared))?;
        match blocking::wait(py, &this.shared, &ready, &mut Parts::default(), bridge.as_ref())? {
            Ended::Done(outcome) => finish(py, outcome, &this.shared)?,
            Ended::Pending => return Err(PyTypeError::new_err("a new isolate was told that it is pending")),
        };
        if let Some(bridge) = bridge {
            bridge.get().offer_as_home(&this.shared);
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
        let start = this.with_fetch(options, start)?;
        let caller = Caller { shared: Arc::clone(&this.shared), timeouts: Timeouts::default(), what: "create" };
        let (operation, ready) = Operation::adopt(py, caller, &bridge)?;
        start.start(ready).map_err(|error| {
            Operation::mark_seen(&operation);
            to_exception(py, error, &this.shared)
        })?;
        bridge.get().offer_as_home(&this.shared);
        Ok((slf, operation))
    }

    /// Number of the isolate in this process.
    #[getter]
    fn id(&self) -> u64 {
        self.shared.id
    }

    #[pyo3(signature = (code, timeout, cpu_timeout, filename))]
    fn eval<'py>(
        &self,
        code: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
        filename: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = code.py();
        let command = Self::eval_command(code, filename)?;
        run_blocking(py, &self.shared, command, timeout::both(timeout, cpu_timeout)?, LoopBridge::of_running_or_none(py)?)
    }

    #[pyo3(signature = (code, timeout, cpu_timeout, filename))]
    fn eval_async<'py>(
        slf: &Bound<'py, Self>,
        code: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
        filename: Option<String>,
    ) -> PyResult<Bound<'py, Operation>> {
        let command = Self::eval_command(code, filename)?;
        let shared = Arc::clone(&slf.get().shared);
        let caller = Caller { shared, timeouts: timeout::both(timeout, cpu_timeout)?, what: "eval_async" };
        Operation::create_for(Some(slf.clone()), code.py(), caller, command, Pending::new())
    }

    #[pyo3(signature = (specifier, timeout, cpu_timeout))]
    fn eval_module<'py>(
        &self,
        py: Python<'py>,
        specifier: String,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let command = Command::EvalModule(EvalModule { specifier });
        run_blocking(py, &self.shared, command, timeout::both(timeout, cpu_timeout)?, LoopBridge::of_running_or_none(py)?)
    }

    #[pyo3(signature = (specifier, timeout, cpu_timeout))]
    fn eval_module_async<'py>(
        &self,
        py: Python<'py>,
        specifier: String,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Operation>> {
        let command = Command::EvalModule(EvalModule { specifier });
        let caller = Caller { shared: Arc::clone(&self.shared), timeouts: timeout::both(timeout, cpu_timeout)?, what: "eval_module_async" };
        Operation::create(py, caller, command, Pending::new())
    }

    /// Ends the isolate, which was made for it, and returns a snapshot of it.
    fn snapshot<'py>(&self, py: Python<'py>, sources: Vec<(bool, String, String)>) -> PyResult<Bound<'py, PyAny>> {
        run_blocking(py, &self.shared, Command::Snapshot(sources), None, LoopBridge::of_running_or_none(py)?)
    }

    /// Makes `source` the module `name`.
    fn add_module(&self, name: String, source: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = config::source(source)?;
        self.put(source.py(), Binding::Module { name, source: text })
    }

    /// Sets, or with `None` takes away, the function that resolves specifiers.
    fn set_module_resolver(&self, py: Python<'_>, function: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let function = function.map(|function| self.hook(function, "module resolver"));
        self.put(py, Binding::Resolver(function))
    }

    /// Sets, or with `None` takes away, the function that loads sources.
    fn set_module_loader(&self, py: Python<'_>, function: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let function = function.map(|function| self.hook(function, "module loader"));
        self.put(py, Binding::Loader(function))
    }

    /// Makes a folder of files and packages what sources come from.
    fn set_module_folder(&self, py: Python<'_>, folder: &PackageFolder) -> PyResult<()> {
        self.put(py, Binding::Folder(folder.folder()))
    }

    /// Puts `value` on the global; callables inside become functions.
    fn bind(&self, name: String, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let mut pending = Pending::new();
        let value = from_py(value, &self.shared, "$", &mut pending)?;
        let bridge = LoopBridge::of_running_or_none(py)?;
        start_pending(py, pending, bridge.as_ref(), &self.shared)?;
        self.put(py, Binding::Global { name, value })
    }

    /// Makes `function` callable by number.
    fn register_op(&self, id: u32, name: String, function: &Bound<'_, PyAny>, asynchronous: bool) -> PyResult<()> {
        let py = function.py();
        let target = table::keep(function.clone(), &self.shared);
        let mode = if asynchronous { HostMode::Async } else { HostMode::Sync };
        self.put(py, Binding::Operation { id, function: HostFunction { target, name, mode, home: None } })
    }

    /// Puts `stream` where JavaScript fetches it by number; the operation ends when it is there.
    fn register_stream<'py>(&self, id: u32, stream: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Operation>> {
        let py = stream.py();
        let mut pending = Pending::new();
        let value = from_py(stream, &self.shared, "$", &mut pending)?;
        let caller = Caller { shared: Arc::clone(&self.shared), timeouts: Timeouts::default(), what: "create_js_stream_from_python" };
        Operation::create(py, caller, Command::Bind(Bind { binding: Binding::Stream { id, value } }), pending)
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
        let caller = Caller { shared: Arc::clone(&self.shared), timeouts: Some(Duration::MAX).into(), what: "aclose" };
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

    /// Where debuggers connect.
    fn endpoints<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        inspector::endpoints(py, &self.shared)
    }

    /// How the isolate stands: open, draining, condemned, terminated or closed.
    #[getter]
    fn state(&self) -> &'static str {
        self.shared.standing().name()
    }

    /// Figures for `get_stats`.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        figures::of(py, &self.shared)
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
