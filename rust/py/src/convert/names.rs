//! Names of properties that came before: small objects have few, and the same again and again.

use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;

/// Longer ones are not kept.
const LONGEST: usize = 24;
/// Places in the table. A name has one place, where the last one stays.
const PLACES: usize = 512;

static KNOWN: Mutex<[Option<Name>; PLACES]> = Mutex::new([const { None }; PLACES]);

/// A name and its Python string.
struct Name {
    bytes: [u8; LONGEST],
    length: usize,
    object: Py<PyAny>,
}

/// The interned `str` of a Latin-1 name, which `make` makes if it is not known.
pub(super) fn interned<'py>(
    py: Python<'py>,
    name: &[u8],
    make: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if name.len() > LONGEST {
        return Ok(intern(make()?));
    }
    let place = place(name);
    if let Some(known) = &KNOWN.lock()[place]
        && known.bytes[..known.length] == *name
    {
        return Ok(known.object.bind(py).clone());
    }
    let object = intern(make()?);
    let mut bytes = [0; LONGEST];
    bytes[..name.len()].copy_from_slice(name);
    let before = KNOWN.lock()[place].replace(Name { bytes, length: name.len(), object: object.clone().unbind() });
    drop(before);
    Ok(object)
}

/// The one `str` with this text.
pub(super) fn intern(text: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    let py = text.py();
    let mut text = text.into_ptr();
    // SAFETY: `text` is an owned str; interning swaps the reference in place.
    unsafe {
        ffi::PyUnicode_InternInPlace(&raw mut text);
        Bound::from_owned_ptr(py, text)
    }
}

fn place(name: &[u8]) -> usize {
    let hash = name.iter().fold(name.len() as u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) as usize % PLACES
}
