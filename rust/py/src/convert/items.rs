//! Arrays, on the way to Python.

use jsrun_core::wire;
use pyo3::ffi;
use pyo3::prelude::*;

use super::numbers;
use super::to_py::{Decoder, owned, truncated};

/// A list, on its way.
pub(super) struct Places<'py> {
    pub(super) list: Bound<'py, PyAny>,
    /// It has the items that are there, and not the places of all: others may see it before it is whole.
    grows: bool,
}

impl<'py> Places<'py> {
    /// `count` places, all still empty.
    fn blank(py: Python<'py>, count: usize) -> PyResult<Self> {
        // SAFETY: plain constructor; every slot is filled before Python code sees the list, or it is dropped with null slots, which is allowed.
        let list = owned(py, unsafe { ffi::PyList_New(count as ffi::Py_ssize_t) })?;
        Ok(Self { list, grows: false })
    }

    /// A list to which items are added.
    pub(super) fn growing(list: Bound<'py, PyAny>) -> Self {
        Self { list, grows: true }
    }

    /// Puts the next item in place, which is at `index`.
    fn put(&self, index: usize, item: Bound<'py, PyAny>) -> PyResult<()> {
        // SAFETY: a live list, which has this place or grows by it. The reference to the item is given away, or one more is taken.
        let put = unsafe {
            if self.grows {
                ffi::PyList_Append(self.list.as_ptr(), item.as_ptr())
            } else {
                ffi::PyList_SetItem(self.list.as_ptr(), index as ffi::Py_ssize_t, item.into_ptr())
            }
        };
        if put == 0 { Ok(()) } else { Err(PyErr::fetch(self.list.py())) }
    }
}

impl<'py> Decoder<'py, '_> {
    /// An array, item by item or many at a time.
    pub(super) fn array(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let number = self.reserve();
        let length = self.varint()?;
        let places = Places::blank(self.py, length)?;
        self.objects[number] = places.list.clone().unbind();
        if self.fill(&places, 0, length)? < length {
            return Err(truncated());
        }
        Ok(places.list)
    }

    /// Puts the items that are there in their places, of which there are `length`, from `index` on, and says which place is the next.
    pub(super) fn fill(&mut self, places: &Places<'py>, mut index: usize, length: usize) -> PyResult<usize> {
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
                        self.rows(places, index, count)?
                    } else {
                        self.doubles(places, index, count)?
                    }
                    count
                }
                _ => {
                    let item = self.value()?;
                    places.put(index, item)?;
                    1
                }
            };
        }
        Ok(index)
    }

    /// Fills `count` places from `first` on with dicts of the same keys.
    fn rows(&mut self, places: &Places<'py>, first: usize, count: usize) -> PyResult<()> {
        let width = self.varint()?;
        let keys = (0..width).map(|_| self.key()).collect::<PyResult<Vec<_>>>()?;
        let number = self.objects.len();
        self.objects.reserve(count);
        for index in first..first + count {
            // SAFETY: plain constructor.
            let dict = owned(self.py, unsafe { ffi::PyDict_New() })?;
            self.objects.push(dict.clone().unbind());
            places.put(index, dict)?;
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
        let places = Places::blank(self.py, length)?;
        self.doubles(&places, 0, length)?;
        self.objects[number] = places.list.clone().unbind();
        Ok(places.list)
    }

    /// Fills `count` places from `first` on with numbers.
    fn doubles(&mut self, places: &Places<'py>, first: usize, count: usize) -> PyResult<()> {
        let block = count.checked_mul(8).and_then(|size| self.reader.bytes(size)).ok_or_else(truncated)?;
        for (index, bytes) in (first..).zip(block.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            places.put(index, owned(self.py, numbers::number(self.py, f64::from_le_bytes(eight)))?)?;
        }
        Ok(())
    }
}
