//! Arrays, on the way to Python.

use jsrun_core::wire;
use pyo3::ffi;
use pyo3::prelude::*;

use super::numbers;
use super::to_py::{Decoder, owned, truncated};

impl<'py> Decoder<'py, '_> {
    /// An array, item by item or many at a time.
    pub(super) fn array(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let (list, length) = self.blank()?;
        if self.fill(&list, 0, length)? < length {
            return Err(truncated());
        }
        Ok(list)
    }

    /// A list of as many places as the array has that begins here, all still empty.
    pub(super) fn blank(&mut self) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let number = self.reserve();
        let length = self.varint()?;
        // SAFETY: plain constructor; every slot is filled before Python code sees the list, or it is dropped with null slots, which is allowed.
        let list = owned(self.py, unsafe { ffi::PyList_New(length as ffi::Py_ssize_t) })?;
        self.objects[number] = list.clone().unbind();
        Ok((list, length))
    }

    /// Fills places of `list`, which has `length`, from `index` on, with the items that are there, and says which place is the next.
    pub(super) fn fill(&mut self, list: &Bound<'py, PyAny>, mut index: usize, length: usize) -> PyResult<usize> {
        while index < length {
            index += match self.reader.peek() {
                None => break,
                Some(tag @ (wire::ROWS | wire::RUN)) => {
                    self.reader.byte();
                    let count = self.varint()?;
                    if count > length - index {
                        return Err(truncated());
                    }
                    if tag == wire::ROWS {
                        self.rows(list, index, count)?
                    } else {
                        self.doubles(list, index, count)?
                    }
                    count
                }
                _ => {
                    let item = self.value()?;
                    // SAFETY: the index is in range and the reference is given away.
                    unsafe { ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, item.into_ptr()) };
                    1
                }
            };
        }
        Ok(index)
    }

    /// Fills `count` places of `list` from `first` on, which it has, with dicts of the same keys.
    fn rows(&mut self, list: &Bound<'py, PyAny>, first: usize, count: usize) -> PyResult<()> {
        let width = self.varint()?;
        let keys = (0..width).map(|_| self.key()).collect::<PyResult<Vec<_>>>()?;
        let number = self.objects.len();
        self.objects.reserve(count);
        for index in first..first + count {
            // SAFETY: plain constructor.
            let dict = owned(self.py, unsafe { ffi::PyDict_New() })?;
            self.objects.push(dict.clone().unbind());
            // SAFETY: as in `fill`.
            unsafe { ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, dict.into_ptr()) };
        }
        for number in number..number + count {
            let dict = self.objects[number].as_ptr();
            for key in &keys {
                let value = self.value()?;
                // SAFETY: three live objects, the dict held by `objects`; it takes references of its own.
                if unsafe { ffi::PyDict_SetItem(dict, key.as_ptr(), value.as_ptr()) } != 0 {
                    return Err(PyErr::fetch(self.py));
                }
            }
        }
        Ok(())
    }

    /// An array of numbers.
    pub(super) fn numbers(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let number = self.reserve();
        let length = self.varint()?;
        // SAFETY: as in `array`.
        let list = owned(self.py, unsafe { ffi::PyList_New(length as ffi::Py_ssize_t) })?;
        self.doubles(&list, 0, length)?;
        self.objects[number] = list.clone().unbind();
        Ok(list)
    }

    /// Fills `count` places of `list` from `first` on, which it has, with numbers.
    fn doubles(&mut self, list: &Bound<'py, PyAny>, first: usize, count: usize) -> PyResult<()> {
        let block = count.checked_mul(8).and_then(|size| self.reader.bytes(size)).ok_or_else(truncated)?;
        for (index, bytes) in (first..).zip(block.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            let item = numbers::number(self.py, f64::from_le_bytes(eight));
            if item.is_null() {
                return Err(PyErr::fetch(self.py));
            }
            // SAFETY: as in `array`.
            unsafe { ffi::PyList_SetItem(list.as_ptr(), index as ffi::Py_ssize_t, item) };
        }
        Ok(())
    }
}
