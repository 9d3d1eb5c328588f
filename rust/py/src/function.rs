//! JavaScript functions and promises that Python holds.

use std::sync::Arc;

use jsrun_core::commands::{AwaitPromise, Call, Command};
use jsrun_core::isolate::Shared;
use jsrun_core::reply::Timeouts;
use jsrun_core::value::{Arguments, RemoteRef};
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::bridge::LoopBridge;
use crate::caller::{Caller, KeepAlive, call_from_loop, run_blocking, start_pending};
use crate::convert::{Pending, from_py, is_scalar};
use crate::errors::to_exception;
use crate::operation::Operation;
use crate::timeout;

/// A JavaScript function.
///
/// Calling it blocks for the value; on a running event loop's thread a result that is still pending comes back as an awaitable. Passing it back to its
/// runtime gives the same function. Garbage collection or `close()` releases it.
#[pyclass(frozen, weakref, module = "jsrun")]
pub(crate) struct JsFunction {
    /// `None` once released.
    remote: Mutex<Option<Arc<RemoteRef>>>,
    shared: Arc<Shared>,
    /// Keeps the runtime alive.
    isolate: KeepAlive,
    name: String,
}

/// A JavaScript promise: awaiting it drives it to its end.
#[pyclass(frozen, weakref, module = "jsrun")]
pub(crate) struct JsPromise {
    remote: Arc<RemoteRef>,
    /// Keeps the runtime alive.
    isolate: KeepAlive,
}

/// Wraps a function handle.
pub(crate) fn function(py: Python<'_>, remote: Arc<RemoteRef>) -> PyResult<Bound<'_, PyAny>> {
    let (shared, name) = (Arc::clone(&remote.owner), remote.name.clone());
    let isolate = KeepAlive::new(py, &shared);
    Ok(Bound::new(py, JsFunction { remote: Mutex::new(Some(remote)), shared, isolate, name })?.into_any())
}

/// Wraps a promise handle.
pub(crate) fn promise(py: Python<'_>, remote: Arc<RemoteRef>) -> PyResult<Bound<'_, PyAny>> {
    let isolate = KeepAlive::new(py, &remote.owner);
    Ok(Bound::new(py, JsPromise { remote, isolate })?.into_any())
}

impl JsFunction {
    fn remote(&self, py: Python<'_>) -> PyResult<Arc<RemoteRef>> {
        self.remote.lock().clone().ok_or_else(|| to_exception(py, jsrun_core::error::Error::Released("JavaScript function"), &self.shared))
    }

    /// The handle, if the function lives in `shared`'s isolate.
    pub(crate) fn remote_in(&self, shared: &Arc<Shared>) -> Result<Arc<RemoteRef>, String> {
        if !Arc::ptr_eq(&self.shared, shared) {
            return Err("a JavaScript function of another runtime cannot be passed to this one".into());
        }
        self.remote.lock().clone().ok_or_else(|| "this JavaScript function was closed".into())
    }

    fn command(&self, args: &Bound<'_, PyTuple>, pending: &mut Pending) -> PyResult<Command> {
        let function = self.remote(args.py())?;
        let args = if args.len() > 1 && args.iter().any(|arg| !is_scalar(&arg)) {
            Arguments::Array(from_py(args.as_any(), &self.shared, "$", pending)?)
        } else {
            let each = args.iter().enumerate().map(|(index, arg)| from_py(&arg, &self.shared, &format!("$[{index}]"), pending));
            Arguments::Each(each.collect::<PyResult<_>>()?)
        };
        Ok(Command::Call(Call { function, args }))
    }
}

#[pymethods]
impl JsFunction {
    #[pyo3(signature = (*args, timeout=None, cpu_timeout=None))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let timeouts = timeout::both(timeout, cpu_timeout)?;
        let mut pending = Pending::new();
        let command = self.command(args, &mut pending)?;
        let Some(bridge) = LoopBridge::of_running_or_none(py)? else {
            start_pending(py, pending, None, &self.shared)?;
            return run_blocking(py, &self.shared, command, timeouts, None);
        };
        call_from_loop(py, &self.shared, command, timeouts, &bridge, pending)
    }

    /// Call the function and await the result; `timeout` and `cpu_timeout` are seconds or timedeltas.
    #[pyo3(signature = (*args, timeout=None, cpu_timeout=None))]
    fn call_async<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        timeout: Option<&Bound<'py, PyAny>>,
        cpu_timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Operation>> {
        let py = args.py();
        let timeouts = timeout::both(timeout, cpu_timeout)?;
        let mut pending = Pending::new();
        let command = self.command(args, &mut pending)?;
        Operation::create(py, Caller { shared: Arc::clone(&self.shared), timeouts, what: "call_async" }, command, pending)
    }

    /// Releases the function. Idempotent; the result may be awaited or ignored.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.remote.lock().take();
        self.isolate.release();
        py.import("jsrun._types")?.getattr("Nothing")?.call0()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.isolate.traverse(&visit)
    }

    fn __clear__(&self) {
        self.isolate.release();
    }

    /// The function's name in JavaScript.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    fn __repr__(&self) -> String {
        let closed = if self.remote.lock().is_none() { " (closed)" } else { "" };
        let name = if self.name.is_empty() { "anonymous" } else { &self.name };
        format!("<JsFunction {name}{closed}>")
    }
}

impl JsPromise {
    /// The handle, if the promise lives in `shared`'s isolate.
    pub(crate) fn remote_in(&self, shared: &Arc<Shared>) -> Result<Arc<RemoteRef>, String> {
        if Arc::ptr_eq(&self.remote.owner, shared) {
            Ok(Arc::clone(&self.remote))
        } else {
            Err("a JavaScript promise of another runtime cannot be passed to this one".into())
        }
    }
}

#[pymethods]
impl JsPromise {
    fn __await__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Operation>> {
        let command = Command::Await(AwaitPromise { promise: Arc::clone(&self.remote) });
        Operation::create(
            py,
            Caller { shared: Arc::clone(&self.remote.owner), timeouts: Timeouts::default(), what: "promise" },
            command,
            Pending::new(),
        )
    }

    /// Drives the promise to its end, blocking.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let timeout = timeout::parse(timeout)?;
        let command = Command::Await(AwaitPromise { promise: Arc::clone(&self.remote) });
        let bridge = LoopBridge::of_running_or_none(py)?;
        run_blocking(py, &self.remote.owner, command, timeout, bridge)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.isolate.traverse(&visit)
    }

    fn __clear__(&self) {
        self.isolate.release();
    }

    #[expect(clippy::unused_self, reason = "a Python method")]
    fn __repr__(&self) -> &'static str {
        "<JsPromise>"
    }
}
