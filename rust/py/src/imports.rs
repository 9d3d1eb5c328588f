//! The Python objects that the native half looks up by name, once.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A lazily imported attribute of a module.
pub(crate) struct Import {
    module: &'static str,
    name: &'static str,
    cell: PyOnceLock<Py<PyAny>>,
}

impl Import {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, cell: PyOnceLock::new() }
    }

    /// The object.
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let object = self.cell.get_or_try_init(py, || py.import(self.module)?.getattr(self.name).map(Bound::unbind))?;
        Ok(object.bind(py))
    }

    /// The object as an exception class: an instance made with `args`, or what making it raised.
    pub(crate) fn error<'py>(&self, py: Python<'py>, args: impl PyCallArgs<'py>) -> PyErr {
        match self.get(py).and_then(|class| class.call1(args)) {
            Ok(object) => PyErr::from_value(object),
            Err(error) => error,
        }
    }

    /// The object as a class.
    pub(crate) fn class<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        Ok(self.get(py)?.cast::<PyType>()?)
    }
}

pub(crate) static UNDEFINED: Import = Import::new("jsrun._types", "undefined");
pub(crate) static JS_REGEXP: Import = Import::new("jsrun._types", "JsRegExp");
pub(crate) static JS_MAP: Import = Import::new("jsrun._types", "JsMap");
pub(crate) static STORE_VIEW: Import = Import::new("jsrun._buffers", "store_view");
pub(crate) static JS_STREAM: Import = Import::new("jsrun._stream", "JsStream");
pub(crate) static JS_WRITABLE: Import = Import::new("jsrun._stream", "JsWritable");
pub(crate) static STREAM_SOURCE: Import = Import::new("jsrun._source", "PyStreamSource");
pub(crate) static SINK: Import = Import::new("jsrun._sink", "Sink");
pub(crate) static FROM_PYTHON: Import = Import::new("jsrun._convert", "simplify");
pub(crate) static MAKE_DATETIME: Import = Import::new("jsrun._convert", "datetime_from_ms");
pub(crate) static TYPED_ARRAY: Import = Import::new("jsrun._convert", "typed_array");
pub(crate) static RUN_SYNC: Import = Import::new("jsrun._host", "run_sync");
pub(crate) static START_ASYNC: Import = Import::new("jsrun._host", "start_async");
pub(crate) static ABANDON: Import = Import::new("jsrun._host", "abandon");
pub(crate) static CONSOLE: Import = Import::new("jsrun._host", "console");
pub(crate) static LISTEN: Import = Import::new("jsrun._host", "listen");
pub(crate) static FETCH: Import = Import::new("jsrun._fetch", "bridge");
pub(crate) static FORGET: Import = Import::new("jsrun._host", "forget");
pub(crate) static REPORT: Import = Import::new("jsrun._host", "report");
pub(crate) static TRACER: Import = Import::new("jsrun._tracing", "Tracer");
pub(crate) static SLOW: Import = Import::new("jsrun._log", "slow");
pub(crate) static CONDEMNED: Import = Import::new("jsrun._log", "condemned");
pub(crate) static CHAIN: Import = Import::new("jsrun._host", "chain_call");
pub(crate) static CONTEXT: Import = Import::new("contextvars", "Context");
pub(crate) static COPY_CONTEXT: Import = Import::new("contextvars", "copy_context");
pub(crate) static CANCELLED_ERROR: Import = Import::new("asyncio", "CancelledError");
pub(crate) static INVALID_STATE: Import = Import::new("asyncio", "InvalidStateError");
pub(crate) static CURRENT_BRIDGE: Import = Import::new("jsrun._bridge", "current");
pub(crate) static RUNNING_LOOP: Import = Import::new("asyncio", "_get_running_loop");
pub(crate) static FRAME: Import = Import::new("sys", "_getframe");
pub(crate) static GATHER: Import = Import::new("asyncio", "gather");
pub(crate) static JAVASCRIPT_ERROR: Import = Import::new("jsrun.errors", "JavaScriptError");
pub(crate) static RUNTIME_CLOSED: Import = Import::new("jsrun.errors", "RuntimeClosed");
pub(crate) static RUNTIME_TERMINATED: Import = Import::new("jsrun.errors", "RuntimeTerminated");
pub(crate) static HEAP_LIMIT: Import = Import::new("jsrun.errors", "HeapLimitExceeded");
pub(crate) static TIMEOUT: Import = Import::new("jsrun.errors", "JavaScriptTimeout");
pub(crate) static DEADLOCK: Import = Import::new("jsrun.errors", "DeadlockError");
pub(crate) static CONVERSION: Import = Import::new("jsrun.errors", "ConversionError");
pub(crate) static MODULE_ERROR: Import = Import::new("jsrun.errors", "ModuleError");
pub(crate) static SNAPSHOT_ERROR: Import = Import::new("jsrun.errors", "SnapshotError");
pub(crate) static INSPECTOR_ERROR: Import = Import::new("jsrun.errors", "InspectorError");
pub(crate) static LOST: Import = Import::new("jsrun.errors", "OperationLost");
pub(crate) static JSRUN_ERROR: Import = Import::new("jsrun.errors", "JsrunError");
