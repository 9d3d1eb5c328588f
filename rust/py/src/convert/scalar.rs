//! Values that need no buffer: what most calls carry.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::value::{LARGE_TEXT, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::failure::Failure;
use super::numbers;
use crate::{imports, memory};

/// Whether an object is one of the types that need no buffer.
pub(crate) fn is_scalar(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<pyo3::types::PyInt>()
        || object.is_exact_instance_of::<pyo3::types::PyFloat>()
        || object.is_exact_instance_of::<pyo3::types::PyBool>()
}

/// Values that need no buffer.
pub(super) fn scalar(object: &Bound<'_, PyAny>, shared: &Arc<Shared>, root: &str) -> PyResult<Option<Value>> {
    let py = object.py();
    // SAFETY: type comparisons and plain accessors on a live object, attached.
    unsafe {
        let raw = object.as_ptr();
        let class = ffi::Py_TYPE(raw);
        if class == &raw mut ffi::PyLong_Type {
            let mut overflow = 0;
            let int = ffi::PyLong_AsLongLongAndOverflow(raw, &raw mut overflow);
            return Ok((overflow == 0 && (int as f64).abs() <= numbers::SAFE).then_some(Value::Number(int as f64)));
        }
        if class == &raw mut ffi::PyFloat_Type {
            return Ok(Some(Value::Number(ffi::PyFloat_AsDouble(raw))));
        }
        if class == &raw mut ffi::PyBool_Type {
            return Ok(Some(Value::Bool(raw == ffi::Py_True())));
        }
        if raw == ffi::Py_None() {
            return Ok(Some(Value::Null));
        }
        if class != &raw mut ffi::PyUnicode_Type {
            return Ok(object.is(imports::UNDEFINED.get(py)?).then_some(Value::Undefined));
        }
    }
    let text = object.cast::<PyString>()?;
    let length = text.len()?;
    if length > shared.config.max_bytes {
        return Err(Failure::too_large(shared).into_error(py, root));
    }
    if length >= LARGE_TEXT
        && let Ok(utf8) = text.to_str()
        && utf8.len() == length
    {
        return Ok(Some(Value::Lent(memory::lent_text(text, utf8))));
    }
    string(text).map(Some)
}

/// A string in the form that copies least.
pub(crate) fn string(text: &Bound<'_, PyString>) -> PyResult<Value> {
    match text.to_str() {
        Ok(utf8) if utf8.is_ascii() => Ok(Value::Latin1(utf8.as_bytes().to_vec())),
        Ok(utf8) => Ok(Value::Utf8(utf8.to_owned())),
        Err(_) => {
            // Lone surrogates have no UTF-8.
            let bytes = text.call_method1("encode", ("utf-16-le", "surrogatepass"))?;
            let bytes = bytes.cast::<PyBytes>()?.as_bytes();
            Ok(Value::Utf16(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()))
        }
    }
}
