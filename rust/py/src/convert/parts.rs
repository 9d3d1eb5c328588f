//! A large array that comes in parts: its items become Python objects while JavaScript is still being read.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::reply::Ticket;
use jsrun_core::value::{Value, Wire};
use jsrun_core::wire;
use pyo3::ffi;
use pyo3::prelude::*;

use super::to_py::{CollectorPause, Decoder, to_py, truncated};

/// What there is of an operation's value.
#[derive(Default)]
pub(crate) struct Parts(Progress);

#[derive(Default)]
enum Progress {
    #[default]
    Nothing,
    Some(Box<Array>),
    /// A part did not convert: the others are dropped.
    Failed(Box<PyErr>),
}

/// An array of which something is there.
struct Array {
    /// Hidden from Python's cyclic collector, which shows lists to who asks, until its places are filled.
    list: Py<PyAny>,
    length: usize,
    /// The first place that is still empty.
    next: usize,
    objects: Vec<Py<PyAny>>,
    keys: Vec<Py<PyAny>>,
}

impl Parts {
    /// Converts what has come since the last time.
    pub(crate) fn take(&mut self, py: Python<'_>, ticket: &Ticket, shared: &Arc<Shared>) {
        for part in ticket.take_parts() {
            self.add(py, part, shared);
        }
    }

    /// The whole value, whose last part is `last`.
    pub(crate) fn finish<'py>(
        mut self,
        py: Python<'py>,
        ticket: &Ticket,
        last: Value,
        shared: &Arc<Shared>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Value::Wire(last) = last else { return to_py(py, last, shared) };
        self.take(py, ticket, shared);
        if matches!(self.0, Progress::Nothing) {
            return to_py(py, Value::Wire(last), shared);
        }
        self.add(py, *last, shared);
        match self.0 {
            Progress::Some(array) if array.next == array.length => {
                // SAFETY: a live list that `begin` hid and nobody else has.
                unsafe { ffi::PyObject_GC_Track(array.list.as_ptr().cast()) };
                Ok(array.list.into_bound(py))
            }
            Progress::Failed(error) => Err(*error),
            Progress::Some(_) | Progress::Nothing => Err(truncated()),
        }
    }

    fn add(&mut self, py: Python<'_>, part: Wire, shared: &Arc<Shared>) {
        let _paused = CollectorPause::begin(py);
        let mut decoder = Decoder::new(py, &part.bytes, part.handles, shared);
        let added = match std::mem::take(&mut self.0) {
            Progress::Nothing => Array::begin(&mut decoder).and_then(|array| array.add(&mut decoder)),
            Progress::Some(array) => array.add(&mut decoder),
            Progress::Failed(error) => Err(*error),
        };
        self.0 = added.map_or_else(|error| Progress::Failed(Box::new(error)), Progress::Some);
        shared.spares.give(part.bytes);
    }
}

impl Array {
    fn begin(decoder: &mut Decoder<'_, '_>) -> PyResult<Box<Self>> {
        if decoder.reader.byte() != Some(wire::ARRAY) {
            return Err(truncated());
        }
        let (list, length) = decoder.blank()?;
        // SAFETY: a live list, as new lists are not hidden.
        unsafe { ffi::PyObject_GC_UnTrack(list.as_ptr().cast()) };
        let objects = std::mem::take(&mut decoder.objects);
        Ok(Box::new(Self { list: list.unbind(), length, next: 0, objects, keys: Vec::new() }))
    }

    fn add(mut self: Box<Self>, decoder: &mut Decoder<'_, '_>) -> PyResult<Box<Self>> {
        decoder.objects = std::mem::take(&mut self.objects);
        decoder.keys = std::mem::take(&mut self.keys);
        self.next = decoder.fill(self.list.bind(decoder.py), self.next, self.length)?;
        self.objects = std::mem::take(&mut decoder.objects);
        self.keys = std::mem::take(&mut decoder.keys);
        Ok(self)
    }
}
