//! Memory of JavaScript's in Python's hands, and of Python's on its way to JavaScript.

use jsrun_core::memory::{HostMemory, HostText, Store};
use jsrun_core::wire;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::imports;

/// Keeps a piece of an array buffer's store alive.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct StoreHandle {
    #[expect(dead_code, reason = "held, not read")]
    store: Store,
}

/// A `memoryview` of a store.
pub(crate) fn view(py: Python<'_>, store: Store) -> PyResult<Bound<'_, PyAny>> {
    let (address, length) = (store.address(), store.length());
    let format = wire::VIEW_KINDS.iter().find(|(tag, ..)| *tag == store.kind).map_or("B", |(_, format, _)| *format);
    imports::STORE_VIEW.get(py)?.call1((StoreHandle { store }, address, length, format))
}

/// Memory that `owner`, a Python object, keeps where it is.
pub(crate) fn lent(address: usize, length: usize, owner: Py<PyAny>) -> HostMemory {
    // SAFETY: `jsrun._buffers` takes address and length from a `ctypes` array over an exported, writable buffer; the export lasts as long as the array,
    // which `owner` is. Dropped on a thread without the interpreter, PyO3 puts the decrement off.
    unsafe { HostMemory::new(address, length, Box::new(owner)) }
}

/// An ASCII `str`, whose characters are `ascii`, as JavaScript reads it where it is.
pub(crate) fn lent_text(text: &Bound<'_, PyString>, ascii: &str) -> HostText {
    // SAFETY: the interpreter never changes or moves what a `str` shows, as long as somebody holds it. Dropped on a thread without the interpreter, PyO3
    // puts the decrement off.
    unsafe { HostText::new(ascii.as_ptr().addr(), ascii.len(), Box::new(text.clone().unbind())) }
}
