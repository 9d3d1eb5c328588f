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
pub(crate) struct Parts<'py> {
    /// The list, once the first part is there. Hidden from Python's cyclic collector, which shows lists to who asks, until its places are filled.
    list: Option<Bound<'py, PyAny>>,
    length: usize,
    /// The first place that is still empty.
    next: usize,
    objects: Vec<Bound<'py, PyAny>>,
    keys: Vec<Bound<'py, PyAny>>,
}

impl<'py> Parts<'py> {
    /// Takes what has come.
    pub(crate) fn take(&mut self, py: Python<'py>, ticket: &Ticket, shared: &Arc<Shared>) -> PyResult<()> {
        ticket.take_parts().into_iter().try_for_each(|part| self.add(py, part, shared))
    }

    /// The whole value, whose last part is `last`.
    pub(crate) fn finish(mut self, py: Python<'py>, ticket: &Ticket, last: Value, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
        self.take(py, ticket, shared)?;
        if self.list.is_none() {
            return to_py(py, last, shared);
        }
        let Value::Wire(last) = last else { return Err(truncated()) };
        self.add(py, *last, shared)?;
        match self.list {
            Some(list) if self.next == self.length => {
                // SAFETY: a live list that `add` hid and nobody else has.
                unsafe { ffi::PyObject_GC_Track(list.as_ptr().cast()) };
                Ok(list)
            }
            _ => Err(truncated()),
        }
    }

    fn add(&mut self, py: Python<'py>, part: Wire, shared: &Arc<Shared>) -> PyResult<()> {
        let _paused = CollectorPause::begin(py);
        let mut decoder = Decoder::new(py, &part.bytes, part.handles, shared);
        decoder.objects = std::mem::take(&mut self.objects);
        decoder.keys = std::mem::take(&mut self.keys);
        let list = match &self.list {
            Some(list) => list,
            None => {
                if decoder.reader.byte() != Some(wire::ARRAY) {
                    return Err(truncated());
                }
                let (list, length) = decoder.blank()?;
                // SAFETY: a live list, as new lists are not hidden.
                unsafe { ffi::PyObject_GC_UnTrack(list.as_ptr().cast()) };
                self.length = length;
                self.list.insert(list)
            }
        };
        self.next = decoder.fill(list, self.next, self.length)?;
        self.objects = decoder.objects;
        self.keys = decoder.keys;
        shared.spares.give(part.bytes);
        Ok(())
    }
}
