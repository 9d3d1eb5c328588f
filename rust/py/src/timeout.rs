//! Timeouts as Python gives them.

use std::time::Duration;

use jsrun_core::reply::Timeouts;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

/// `timeout` and `cpu_timeout` as Python gives them.
pub(crate) fn both(wall: Option<&Bound<'_, PyAny>>, cpu: Option<&Bound<'_, PyAny>>) -> PyResult<Timeouts> {
    Ok(Timeouts { wall: parse(wall)?, cpu: parse_named("cpu_timeout", cpu)? })
}

/// The wall-clock timeout.
pub(crate) fn parse(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    parse_named("timeout", value)
}

/// Seconds as a number or a `timedelta`; `None` stays `None`, infinity is no limit.
pub(crate) fn parse_named(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let wrong = || PyTypeError::new_err(format!("{name} must be seconds (int or float), a timedelta or None, got {}", value.get_type()));
    let seconds = if value.is_instance_of::<PyBool>() {
        return Err(wrong());
    } else if value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>() {
        value.extract::<f64>().unwrap_or(f64::INFINITY)
    } else {
        let total = value.getattr("total_seconds").map_err(|_| wrong())?;
        total.call0()?.extract::<f64>()?
    };
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(PyValueError::new_err(format!("{name} must be more than 0 seconds, got {}", value.repr()?)));
    }
    // Too large for the clock means never.
    Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)))
}
