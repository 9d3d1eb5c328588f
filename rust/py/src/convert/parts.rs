//! A large array that comes in parts: its items become Python objects while JavaScript is still being read.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::reply::Ticket;
use jsrun_core::value::{Value, Wire};
use jsrun_core::wire;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::items::Places;
use super::to_py::{CollectorPause, Decoder, to_py, truncated};

/// What there is of an operation's value.
#[derive(Default)]
pub(crate) struct Parts(Progress);

#[derive(Default)]
enum Progress {
    #[default]
    Nothing,
    Begun(Box<Array>),
    /// A part did not convert: the others are dropped.
    Failed(Box<PyErr>),
}

/// An array of which something is there.
struct Array {
    /// The items so far: whoever asks Python's cyclic collector for lists may see it.
    list: Py<PyAny>,
    /// How many there will be.
    length: usize,
    /// How many there are.
    next: usize,
    objects: Vec<Py<PyAny>>,
    keys: Vec<Py<PyAny>>,
}

impl Parts {
    /// Converts what has come: what comes meanwhile has its turn later. An error is the value's as well, when that is asked for.
    pub(crate) fn take(&mut self, py: Python<'_>, ticket: &Ticket, shared: &Arc<Shared>) -> PyResult<()> {
        ticket.take_parts().into_iter().try_for_each(|part| self.add(py, part, shared))
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
        self.take(py, ticket, shared)?;
        if matches!(self.0, Progress::Nothing) {
            return to_py(py, Value::Wire(last), shared);
        }
        self.add(py, *last, shared)?;
        match self.0 {
            Progress::Begun(array) if array.next == array.length => Ok(array.list.into_bound(py)),
            _ => Err(truncated()),
        }
    }

    fn add(&mut self, py: Python<'_>, part: Wire, shared: &Arc<Shared>) -> PyResult<()> {
        let _paused = CollectorPause::begin(py);
        let mut decoder = Decoder::new(py, &part.bytes, part.handles, shared);
        let added = match std::mem::take(&mut self.0) {
            Progress::Nothing => Array::begin(&mut decoder).and_then(|array| array.add(&mut decoder)),
            Progress::Begun(array) => array.add(&mut decoder),
            Progress::Failed(error) => Err(*error),
        };
        shared.spares.give(part.bytes);
        match added {
            Ok(array) => {
                self.0 = Progress::Begun(array);
                Ok(())
            }
            Err(error) => {
                self.0 = Progress::Failed(Box::new(error.clone_ref(py)));
                Err(error)
            }
        }
    }

    /// For `__traverse__`.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Progress::Begun(array) = &self.0 else { return Ok(()) };
        visit.call(&array.list)?;
        array.objects.iter().chain(&array.keys).try_for_each(|object| visit.call(object))
    }
}

impl Array {
    fn begin(decoder: &mut Decoder<'_, '_>) -> PyResult<Box<Self>> {
        if decoder.reader.byte() != Some(wire::ARRAY) {
            return Err(truncated());
        }
        let number = decoder.reserve();
        let length = decoder.varint()?;
        let list = PyList::empty(decoder.py).into_any().unbind();
        decoder.objects[number] = list.clone_ref(decoder.py);
        Ok(Box::new(Self { list, length, next: 0, objects: std::mem::take(&mut decoder.objects), keys: Vec::new() }))
    }

    fn add(mut self: Box<Self>, decoder: &mut Decoder<'_, '_>) -> PyResult<Box<Self>> {
        decoder.objects = std::mem::take(&mut self.objects);
        decoder.keys = std::mem::take(&mut self.keys);
        let places = Places::growing(self.list.bind(decoder.py).clone());
        self.next = decoder.fill(&places, self.next, self.length)?;
        self.objects = std::mem::take(&mut decoder.objects);
        self.keys = std::mem::take(&mut decoder.keys);
        Ok(self)
    }
}
