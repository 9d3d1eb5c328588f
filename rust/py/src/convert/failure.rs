//! A conversion that failed, on its way up to the caller.

use jsrun_core::isolate::Shared;
use pyo3::prelude::*;

use crate::imports;

/// Why a conversion failed; each level adds its step while it travels up.
pub(super) struct Failure {
    /// Innermost step first.
    steps: Vec<String>,
    reason: Reason,
}

enum Reason {
    /// The value has no JavaScript form.
    Refused(String),
    /// Python code raised on the way.
    Raised(PyErr),
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { steps: Vec::new(), reason: Reason::Refused(reason.into()) }
    }

    pub(super) fn too_large(shared: &Shared) -> Self {
        Self::new(format!(
            "larger than max_serialization_bytes ({} bytes); raise it in RuntimeConfig if this is expected",
            shared.config.max_bytes
        ))
    }

    pub(super) fn at(mut self, step: impl FnOnce() -> String) -> Self {
        if self.steps.len() < 64 {
            self.steps.push(step());
        }
        self
    }

    pub(super) fn into_error(self, py: Python<'_>, root: &str) -> PyErr {
        let path: String = std::iter::once(root).chain(self.steps.iter().rev().map(String::as_str)).collect();
        let (text, cause) = match self.reason {
            Reason::Refused(text) => (text, None),
            Reason::Raised(error) if !error.is_instance_of::<pyo3::exceptions::PyException>(py) => return error,
            Reason::Raised(error) => (format!("converting it raised {}", error.get_type(py)), Some(error)),
        };
        match imports::CONVERSION.get(py).and_then(|class| class.call1((format!("{path}: {text}"),))) {
            Ok(object) => {
                let error = PyErr::from_value(object);
                error.set_cause(py, cause);
                error
            }
            Err(error) => error,
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self { steps: Vec::new(), reason: Reason::Raised(error) }
    }
}
