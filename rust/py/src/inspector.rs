//! The inspector from Python: where debuggers connect, and sessions of the host's own for its profilers.

use std::fs::File;
use std::os::fd::FromRawFd;
use std::sync::Arc;

use jsrun_core::commands::Command;
use jsrun_core::inspector::{Inspect, InspectRequest, InspectorOptions};
use jsrun_core::isolate::Shared;
use jsrun_core::reply::Timeouts;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::bridge::LoopBridge;
use crate::caller::{Caller, run_blocking};
use crate::convert::Pending;
use crate::isolate::Isolate;
use crate::operation::Operation;

/// The engine's options from an `InspectorConfig`.
pub(crate) fn options(config: &Bound<'_, PyAny>) -> PyResult<Option<InspectorOptions>> {
    if config.is_none() {
        return Ok(None);
    }
    Ok(Some(InspectorOptions {
        host: config.getattr("host")?.extract()?,
        port: config.getattr("port")?.extract()?,
        wait_for_connection: config.getattr("wait_for_connection")?.extract()?,
        break_on_next_statement: config.getattr("break_on_next_statement")?.extract()?,
        target_url: config.getattr("target_url")?.extract()?,
        display_name: config.getattr("display_name")?.extract()?,
    }))
}

/// Where debuggers connect, as keyword arguments of `InspectorEndpoints`.
pub(crate) fn endpoints<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(target) = shared.target() else { return Ok(None) };
    let known = &target.endpoints;
    let endpoints = PyDict::new(py);
    for (name, text) in [
        ("id", &known.id),
        ("websocket_url", &known.websocket_url),
        ("devtools_frontend_url", &known.devtools_frontend_url),
        ("title", &known.title),
        ("description", &known.description),
        ("target_url", &known.target_url),
        ("favicon_url", &known.favicon_url),
        ("host", &known.host),
    ] {
        endpoints.set_item(name, text)?;
    }
    Ok(Some(endpoints))
}

/// A session with an isolate's inspector, without a socket. It ends with this object.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct InspectorSession {
    shared: Arc<Shared>,
    session: u64,
}

impl InspectorSession {
    fn command(&self, request: InspectRequest) -> Command {
        Command::Inspect(Inspect { session: self.session, request })
    }

    fn run_later<'py>(&self, py: Python<'py>, request: InspectRequest, what: &'static str) -> PyResult<Bound<'py, Operation>> {
        let caller = Caller { shared: Arc::clone(&self.shared), timeouts: Timeouts::default(), what };
        Operation::create(py, caller, self.command(request), Pending::new())
    }

    fn run_now<'py>(&self, py: Python<'py>, request: InspectRequest) -> PyResult<Bound<'py, PyAny>> {
        run_blocking(py, &self.shared, self.command(request), None, LoopBridge::of_running_or_none(py)?)
    }
}

/// Takes over a descriptor that Python detached.
fn file(descriptor: i32) -> InspectRequest {
    // SAFETY: the package gives the descriptor away: it has detached it from its own object.
    InspectRequest::HeapSnapshot(unsafe { File::from_raw_fd(descriptor) })
}

#[pymethods]
impl InspectorSession {
    #[new]
    fn new(isolate: &Isolate) -> Self {
        Self { shared: Arc::clone(isolate.shared()), session: Inspect::new_session() }
    }

    /// Calls a method of the protocol, blocking; parameters and response are JSON.
    fn call<'py>(&self, py: Python<'py>, method: String, params: String) -> PyResult<Bound<'py, PyAny>> {
        self.run_now(py, InspectRequest::Call { method, params })
    }

    /// Calls a method of the protocol.
    fn call_async<'py>(&self, py: Python<'py>, method: String, params: String) -> PyResult<Bound<'py, Operation>> {
        self.run_later(py, InspectRequest::Call { method, params }, "inspect")
    }

    /// Writes a heap snapshot to a descriptor and closes it, blocking.
    fn heap_snapshot<'py>(&self, py: Python<'py>, descriptor: i32) -> PyResult<Bound<'py, PyAny>> {
        self.run_now(py, file(descriptor))
    }

    /// Writes a heap snapshot to a descriptor and closes it.
    fn heap_snapshot_async<'py>(&self, py: Python<'py>, descriptor: i32) -> PyResult<Bound<'py, Operation>> {
        self.run_later(py, file(descriptor), "heap_snapshot")
    }

    /// Ends the session, and what it started.
    fn close(&self) {
        self.shared.end_session(self.session);
    }
}

impl Drop for InspectorSession {
    fn drop(&mut self) {
        self.shared.end_session(self.session);
    }
}
