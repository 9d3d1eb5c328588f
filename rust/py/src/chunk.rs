//! What `async for` awaits: a chunk that is there already costs no coroutine.

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::thrown;
use crate::stream::StreamHandle;

/// The next chunk of a `JsStream`, as a coroutine. Nothing is taken before it is awaited.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct NextChunk {
    /// The `JsStream`.
    stream: Py<PyAny>,
    handle: Py<StreamHandle>,
    state: Mutex<State>,
}

/// How far it is.
enum State {
    Unstarted,
    /// There was no chunk: the coroutine that waits for one.
    Waiting(Py<PyAny>),
    Done,
}

impl NextChunk {
    /// The next chunk of `stream`, whose handle is `handle`.
    pub(crate) fn new(stream: Py<PyAny>, handle: Py<StreamHandle>) -> Self {
        Self { stream, handle, state: Mutex::new(State::Unstarted) }
    }

    fn step(&self, py: Python<'_>, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        let waiting = match &*self.state.lock() {
            State::Waiting(coroutine) => Some(coroutine.clone_ref(py)),
            State::Unstarted => None,
            State::Done => return Err(PyRuntimeError::new_err("cannot reuse already awaited __anext__()")),
        };
        if let Some(coroutine) = waiting {
            let none = py.None();
            return coroutine.call_method1(py, "send", (value.unwrap_or(none.bind(py)),)).map(Some);
        }
        *self.state.lock() = State::Done;
        match self.handle.get().ready(py) {
            Some(Ok(chunk)) => stop_with(chunk),
            Some(Err(error)) => {
                self.stream.call_method1(py, "_fail", (error.value(py),))?;
                Err(error)
            }
            None => {
                let coroutine = self.stream.call_method0(py, "__anext__")?;
                *self.state.lock() = State::Waiting(coroutine.clone_ref(py));
                coroutine.call_method1(py, "send", (py.None(),)).map(Some)
            }
        }
    }
}

/// Ends an await with `value`. `None` from `__next__` is a null that leaves Python's error as it is set here.
fn stop_with(value: Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    if value.is_instance_of::<PyTuple>() || value.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        return Err(PyStopIteration::new_err((value.unbind(),)));
    }
    // SAFETY: two live objects. A value that is no tuple and no exception needs no exception object around it.
    unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr()) };
    Ok(None)
}

#[pymethods]
impl NextChunk {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.step(py, None)
    }

    /// Coroutine protocol.
    #[pyo3(signature = (value, /))]
    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match self.step(value.py(), Some(value))? {
            Some(awaited) => Ok(awaited),
            None => Err(PyErr::fetch(value.py())),
        }
    }

    /// Coroutine protocol.
    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = kind.py();
        let state = std::mem::replace(&mut *self.state.lock(), State::Done);
        if let State::Waiting(coroutine) = state {
            *self.state.lock() = State::Waiting(coroutine.clone_ref(py));
            return coroutine.call_method1(py, "throw", (kind, value, traceback));
        }
        Err(thrown(kind, value)?)
    }

    /// Coroutine protocol.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let state = std::mem::replace(&mut *self.state.lock(), State::Done);
        if let State::Waiting(coroutine) = state {
            coroutine.call_method0(py, "close")?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.stream)?;
        visit.call(&self.handle)?;
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        match &*state {
            State::Waiting(coroutine) => visit.call(coroutine),
            State::Unstarted | State::Done => Ok(()),
        }
    }
}
