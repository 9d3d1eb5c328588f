//! The one place that turns engine errors into Python exceptions, and Python exceptions into JavaScript errors.

use std::sync::Arc;

use jsrun_core::error::{Error, JsException, ModuleFailure};
use jsrun_core::isolate::Shared;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::to_py;
use crate::{imports, table, watch};

/// The Python exception for an engine error.
pub(crate) fn to_exception(py: Python<'_>, error: Error, shared: &Arc<Shared>) -> PyErr {
    let text = error.to_string();
    let class = match error {
        Error::JavaScript(exception) => {
            let failed_import = exception.module.clone();
            let object = match javascript_error(py, *exception, shared, true) {
                Ok(object) => object,
                Err(error) => return error,
            };
            return match failed_import {
                Some(failure) => module_error(py, &object, &failure).unwrap_or_else(|error| error),
                None => PyErr::from_value(object),
            };
        }
        Error::Conversion { cause, .. } => {
            let error = imports::CONVERSION.error(py, (text,));
            if let Some(cause) = cause {
                match javascript_error(py, *cause, shared, false) {
                    Ok(cause) => error.set_cause(py, Some(PyErr::from_value(cause))),
                    Err(inner) => return inner,
                }
            }
            return error;
        }
        Error::Cancelled => return imports::CANCELLED_ERROR.error(py, (text,)),
        Error::Invalid(_) => return PyValueError::new_err(text),
        Error::Resource(source) => match source.raw_os_error() {
            Some(code) => return PyOSError::new_err((code, text)),
            None => return PyRuntimeError::new_err(text),
        },
        Error::Closed | Error::Forked | Error::Released(_) => &imports::RUNTIME_CLOSED,
        Error::Terminated => &imports::RUNTIME_TERMINATED,
        Error::Timeout(_) | Error::CpuTimeout(_) => &imports::TIMEOUT,
        Error::HeapLimit { .. } => {
            watch::condemned(py, shared);
            &imports::HEAP_LIMIT
        }
        Error::Snapshot(_) => &imports::SNAPSHOT_ERROR,
        Error::Inspector(_) => &imports::INSPECTOR_ERROR,
        Error::File(source) => return PyOSError::new_err((source.raw_os_error(), text)),
        Error::Lost => &imports::LOST,
        Error::Deadlock(_) => &imports::DEADLOCK,
        Error::Panic(_) => &imports::JSRUN_ERROR,
    };
    class.error(py, (text,))
}

/// The error that a coroutine's `throw(kind, value)` means: a class or an instance, and perhaps the instance apart.
pub(crate) fn thrown(kind: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<PyErr> {
    Ok(match value.filter(|value| !value.is_none()) {
        Some(value) => PyErr::from_value(value.clone()),
        None if kind.is_instance_of::<pyo3::types::PyType>() => PyErr::from_value(kind.call0()?),
        None => PyErr::from_value(kind.clone()),
    })
}

/// The `OSError` where a queue could not open its descriptor.
pub(crate) fn no_descriptor(error: &std::io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), format!("cannot wait for JavaScript: {error}. See RLIMIT_NOFILE, or close files")))
}

/// The `ModuleError` behind the error JavaScript saw; its cause is what the host's function raised, or V8's syntax error.
fn module_error(py: Python<'_>, seen: &Bound<'_, PyAny>, failure: &ModuleFailure) -> PyResult<PyErr> {
    let cause = seen.getattr("__cause__")?;
    let error = imports::MODULE_ERROR.error(py, (seen.getattr("message")?, &failure.specifier, &failure.referrer));
    error.set_cause(py, (!cause.is_none()).then(|| PyErr::from_value(cause)));
    Ok(error)
}

/// A `JavaScriptError` instance. `unwrap`: an error that is only a host exception passing through comes back with that as `__cause__`.
pub(crate) fn javascript_error<'py>(
    py: Python<'py>,
    exception: JsException,
    shared: &Arc<Shared>,
    raised: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let frames = PyList::empty(py);
    for frame in exception.frames {
        let entry = PyDict::new(py);
        for (key, text) in [("function_name", frame.function), ("file_name", frame.file)] {
            if let Some(text) = text {
                entry.set_item(key, text)?;
            }
        }
        for (key, number) in [("line_number", frame.line), ("column_number", frame.column)] {
            if let Some(number) = number {
                entry.set_item(key, number)?;
            }
        }
        frames.append(entry)?;
    }
    let errors = PyList::empty(py);
    for error in exception.errors {
        errors.append(javascript_error(py, error, shared, false)?)?;
    }
    let cause = match (exception.host.as_ref().and_then(|host| table::get(py, shared, host.id())), exception.cause) {
        (Some(host), _) => Some(host),
        (None, Some(cause)) => Some(javascript_error(py, *cause, shared, false)?),
        (None, None) => None,
    };
    let parts = PyDict::new(py);
    parts.set_item("name", exception.name)?;
    match exception.message_utf16 {
        Some(units) => parts.set_item("message", to_py(py, jsrun_core::value::Value::Utf16(units), shared)?)?,
        None => parts.set_item("message", exception.message)?,
    }
    parts.set_item("stack", exception.stack)?;
    parts.set_item("frames", frames)?;
    parts.set_item("errors", errors)?;
    parts.set_item("cause", cause)?;
    if let Some(value) = exception.value {
        parts.set_item("value", to_py(py, value, shared)?)?;
        parts.set_item("has_value", true)?;
    }
    if let Some(source) = exception.source {
        parts.set_item("source", (source.file, source.line, source.column, source.text))?;
    }
    parts.set_item("raised", raised)?;
    imports::JAVASCRIPT_ERROR.get(py)?.call_method("_from_parts", (), Some(&parts))
}

/// The JavaScript error for a Python exception; JavaScript sees class name and text, and the exception itself comes back with it.
pub(crate) fn from_exception(py: Python<'_>, error: &PyErr, shared: &Arc<Shared>) -> Box<JsException> {
    let value = error.value(py);
    let text = value.str().and_then(|text| text.extract::<String>()).unwrap_or_else(|_| "(the exception's str() raised)".into());
    let (name, message) = match value.is_instance(imports::JAVASCRIPT_ERROR.class(py).unwrap_or(&value.get_type())) {
        Ok(true) => {
            let part = |key: &str| value.getattr(key).ok().and_then(|part| part.extract::<Option<String>>().ok()).flatten();
            (part("name").unwrap_or_else(|| "Error".into()), part("message").unwrap_or(text))
        }
        _ => (value.get_type().name().map_or_else(|_| "Error".into(), |name| name.to_string()), text),
    };
    Box::new(JsException { name: Some(name), message, host: Some(table::keep(value.clone().into_any(), shared)), ..Default::default() })
}
