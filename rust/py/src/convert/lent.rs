//! Large results that an isolate lends: copied once, straight into the Python object.

use std::sync::Arc;
#[cfg(unix)]
use std::sync::OnceLock;

use jsrun_core::isolate::Shared;
use jsrun_core::loan::{Form, Loan};
use pyo3::ffi;
use pyo3::prelude::*;

use super::to_py::{latin1, owned, view};

/// Reads what was lent.
pub(super) fn read<'py>(py: Python<'py>, loan: Loan, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
    match loan.form() {
        Form::Text => text(py, loan, shared),
        Form::Bytes(kind) => {
            // SAFETY: plain constructor; without bytes it makes room that its only holder may fill.
            let bytes = owned(py, unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), loan.length() as ffi::Py_ssize_t) })?;
            // SAFETY: a live `bytes` of that length, which nobody else has.
            unsafe { copy(py, loan, ffi::PyBytes_AsString(bytes.as_ptr()), shared) };
            view(bytes, kind)
        }
    }
}

/// Copies without the interpreter lock, as the isolate's thread may be waited for; whether every byte is below 0x80.
///
/// # Safety
/// `target` has room for what is lent, and nobody else looks there.
unsafe fn copy(py: Python<'_>, loan: Loan, target: *mut std::ffi::c_char, shared: &Arc<Shared>) -> bool {
    let target = target as usize;
    // SAFETY: the caller's promise.
    py.detach(|| unsafe { loan.copy_to(target as *mut u8, &shared.spares) })
}

fn text<'py>(py: Python<'py>, loan: Loan, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
    let length = loan.length();
    if let Some((text, target)) = blank(py, length)? {
        // SAFETY: room for `length` characters, in a string that nobody else has.
        let is_ascii = unsafe { copy(py, loan, target, shared) };
        if is_ascii {
            return Ok(text);
        }
        // SAFETY: as many bytes were written there, and `text`, which was never shown to anybody, lives until the new string is made.
        return latin1(py, unsafe { std::slice::from_raw_parts(target.cast(), length) });
    }
    let mut bytes = Vec::<u8>::with_capacity(length);
    // SAFETY: there is room for `length` bytes, all of which are written.
    unsafe {
        copy(py, loan, bytes.as_mut_ptr().cast(), shared);
        bytes.set_len(length);
    }
    latin1(py, &bytes)
}

/// A `str` of `length` ASCII characters that are still to be written, and where. None where the interpreter has no way to make one.
fn blank(py: Python<'_>, length: usize) -> PyResult<Option<(Bound<'_, PyAny>, *mut std::ffi::c_char)>> {
    let Some(new) = unicode_new() else { return Ok(None) };
    // SAFETY: the function's own signature; 0x7F is the largest character.
    let text = owned(py, unsafe { new(length as ffi::Py_ssize_t, 0x7F) })?;
    let mut size = 0;
    // SAFETY: a live string. Of one that is all ASCII, the UTF-8 form is the characters themselves, where they are.
    let target = unsafe { ffi::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size) };
    if target.is_null() {
        return Err(PyErr::fetch(py));
    }
    Ok((size.cast_unsigned() == length).then_some((text, target.cast_mut())))
}

type UnicodeNew = unsafe extern "C" fn(ffi::Py_ssize_t, u32) -> *mut ffi::PyObject;

/// `PyUnicode_New`, which CPython has had since 3.3, outside the stable interface: looked for, and done without where it is not found.
#[cfg(unix)]
fn unicode_new() -> Option<UnicodeNew> {
    static FOUND: OnceLock<Option<UnicodeNew>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: looks for a name among what is loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PyUnicode_New".as_ptr()) };
        // SAFETY: nothing else has this name; the signature is the documented one.
        (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut std::ffi::c_void, UnicodeNew>(found) })
    })
}

/// As above.
#[cfg(not(unix))]
fn unicode_new() -> Option<UnicodeNew> {
    None
}
