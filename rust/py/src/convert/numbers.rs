//! Integers: which are numbers in JavaScript, and how BigInts cross.

use jsrun_core::wire::Write;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Largest integer that a double holds exactly, with all below it: 2^53 - 1.
pub(crate) const SAFE: f64 = 9_007_199_254_740_991.0;

/// A number as Python has it: `int` when it is a safe integer other than `-0`, else `float`.
pub(crate) fn number(py: Python<'_>, value: f64) -> *mut ffi::PyObject {
    // SAFETY: plain constructors, called attached; null means that a Python error is set.
    unsafe {
        let int = value as i64;
        if int as f64 == value && value.abs() <= SAFE && !(value == 0.0 && value.is_sign_negative()) {
            ffi::PyLong_FromLongLong(int)
        } else {
            let _ = py;
            ffi::PyFloat_FromDouble(value)
        }
    }
}

/// A BigInt as a Python `int`.
pub(crate) fn bigint<'py>(py: Python<'py>, negative: bool, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let int = py.get_type::<pyo3::types::PyInt>().call_method1("from_bytes", (PyBytes::new(py, bytes), "little"))?;
    if negative { int.neg() } else { Ok(int) }
}

/// Appends a Python `int` that is no safe integer, as a BigInt.
pub(crate) fn write_bigint(int: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let negative = int.lt(0)?;
    let magnitude = if negative { int.neg()? } else { int.clone() };
    let bits = magnitude.call_method0("bit_length")?.extract::<usize>()?;
    // V8 wants whole 64-bit digits.
    let length = bits.div_ceil(64) * 8;
    let bytes = magnitude.call_method1("to_bytes", (length, "little"))?;
    out.bigint(negative, bytes.cast::<PyBytes>()?.as_bytes());
    Ok(())
}

/// The array index a key stands for: V8 keeps those apart from names.
pub(super) fn array_index(key: &str) -> Option<u32> {
    let digits = key.len() <= 10 && key.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || key.is_empty() || (key.len() > 1 && key.starts_with('0')) {
        return None;
    }
    key.parse::<u32>().ok().filter(|index| *index < u32::MAX)
}
