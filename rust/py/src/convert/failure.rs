//! A conversion that failed, on its way up to the caller.

use jsrun_core::isolate::Shared;
use jsrun_core::shorten;
use pyo3::prelude::*;

use super::scalar::is_scalar;
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
        Self::new(shared.config.too_large())
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
            Reason::Raised(error) => (format!("converting it raised {error}"), Some(error)),
        };
        let error = imports::CONVERSION.error(py, (format!("{path}: {text}"),));
        error.set_cause(py, cause);
        error
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self { steps: Vec::new(), reason: Reason::Raised(error) }
    }
}

/// A key as a step of a path: after a dot if it reads well there.
pub(super) fn step_of(key: &str) -> String {
    let mut chars = key.chars();
    let plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    let key = shorten(key);
    if plain { format!(".{key}") } else { format!("[{key:?}]") }
}

/// The key of a map as a step of a path. Of keys with an inside only the type: their `repr` may be endless.
pub(super) fn step_of_key(key: &Bound<'_, PyAny>) -> String {
    let shown = if is_scalar(key) { key.repr().ok().map(|text| text.to_string()) } else { None };
    let shown = shown.unwrap_or_else(|| format!("<{}>", key.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())));
    format!("[{}]", shorten(&shown))
}
