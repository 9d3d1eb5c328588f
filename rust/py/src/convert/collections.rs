//! Lists, dicts, maps and sets on their way to JavaScript: the part of the outgoing walker that goes deeper.

use jsrun_core::wire::{self, Write};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::failure::{Failure, step_of, step_of_key};
use super::from_py::Encoder;
use super::numbers::array_index;

/// Bytes that an item of a long list may take: with more than a mebibyte to come, a buffer that was used before spares its pages.
const ROOM_OF_ITEM: usize = 64;
/// A list of more rows than this is made room for at once, of up to `MANY`.
const FEW: usize = 64;
const MANY: usize = 1 << 16;

impl<'py> Encoder<'py, '_> {
    pub(super) fn sequence(&mut self, length: usize, item: impl Fn(usize) -> PyResult<Bound<'py, PyAny>>) -> Result<(), Failure> {
        self.reserve(length)?;
        self.shared.spares.widen(&mut self.wire.bytes, length.saturating_mul(ROOM_OF_ITEM));
        self.wire.bytes.push(wire::ARRAY);
        self.wire.bytes.varint(length as u64);
        if length > FEW && item(0).is_ok_and(|row| row.is_exact_instance_of::<PyDict>()) {
            self.seen.reserve(length.min(MANY));
        }
        for index in 0..length {
            let step = || format!("[{index}]");
            let item = item(index).map_err(|error| Failure::from(error).at(step))?;
            self.value(&item).map_err(|failure| failure.at(step))?;
        }
        self.wire.bytes.push(wire::ARRAY_END);
        self.wire.bytes.varint(0);
        self.wire.bytes.varint(length as u64);
        Ok(())
    }

    pub(super) fn dict(&mut self, dict: &Bound<'py, PyDict>) -> Result<(), Failure> {
        self.number(dict.as_any());
        let start = self.wire.bytes.len();
        let size = dict.len();
        self.wire.bytes.push(wire::OBJECT);
        let mut position = 0;
        let mut count = 0u64;
        loop {
            let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: the dict is alive and attached; its size is compared after anything that may run Python code, so the position stays valid.
            let (key, value) = unsafe {
                if ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) == 0 {
                    break;
                }
                (Bound::from_borrowed_ptr(dict.py(), key), Bound::from_borrowed_ptr(dict.py(), value))
            };
            let Ok(text) = key.cast::<PyString>() else {
                // A key that is no plain str makes the whole dict a Map. What was written of it goes.
                if count == 0 {
                    self.wire.bytes.truncate(start);
                    let pairs = dict.items();
                    return self.pairs(&pairs);
                }
                return self.mixed(dict, start);
            };
            self.key(text)?;
            let step = || step_of(&text.to_string_lossy());
            self.value(&value).map_err(|failure| failure.at(step))?;
            count += 1;
            if dict.len() != size {
                return Err(Failure::new("this dict changed while it was converted"));
            }
        }
        self.wire.bytes.push(wire::OBJECT_END);
        self.wire.bytes.varint(count);
        Ok(())
    }

    /// A dict whose first keys were strings and a later one is not: starts over as a Map.
    pub(super) fn mixed(&mut self, dict: &Bound<'py, PyDict>, start: usize) -> Result<(), Failure> {
        // Objects met since then were numbered by a writing that is thrown away.
        self.wire.bytes.truncate(start);
        self.keys.forget();
        let own = self.seen.get(&(dict.as_ptr() as usize)).copied().unwrap_or_default();
        self.seen.retain(|_, number| *number <= own);
        self.next_object = own + 1;
        let pairs = dict.items();
        self.pairs(&pairs)
    }

    pub(super) fn key(&mut self, text: &Bound<'py, PyString>) -> Result<(), Failure> {
        if self.keys.again(text, &mut self.wire.bytes) {
            return self.reserve(0);
        }
        let start = self.wire.bytes.len();
        if let Ok(utf8) = text.to_str()
            && let Some(index) = array_index(utf8)
        {
            self.wire.bytes.number(f64::from(index));
        } else {
            self.text(text)?;
        }
        self.keys.learn(text, &self.wire.bytes, start);
        Ok(())
    }

    pub(super) fn pairs(&mut self, pairs: &Bound<'py, PyList>) -> Result<(), Failure> {
        self.wire.bytes.push(wire::MAP);
        for pair in pairs {
            let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair.extract()?;
            let step = || step_of_key(&key);
            self.value(&key).map_err(|failure| failure.at(step))?;
            self.value(&value).map_err(|failure| failure.at(step))?;
        }
        self.wire.bytes.push(wire::MAP_END);
        self.wire.bytes.varint(pairs.len() as u64 * 2);
        self.keep.push(pairs.clone().into_any());
        Ok(())
    }

    pub(super) fn set(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        self.number(object);
        self.wire.bytes.push(wire::SET);
        let mut count = 0u64;
        for member in object.try_iter()? {
            self.value(&member?).map_err(|failure| failure.at(|| format!("[{count}]")))?;
            count += 1;
        }
        self.wire.bytes.push(wire::SET_END);
        self.wire.bytes.varint(count);
        Ok(())
    }
}
