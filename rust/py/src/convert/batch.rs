//! Several values as one array, converted one by one at different times.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::value::Wire;
use jsrun_core::wire::{self, Write};
use pyo3::prelude::*;

use super::from_py::{Encoder, Pending};

/// Bytes that the array's length takes in front, whatever it is.
const LENGTH: usize = 5;

/// An array that grows. Its elements share no objects.
#[derive(Default)]
pub(crate) struct Batch {
    wire: Wire,
    /// Number of the next object, as V8's reader counts.
    next_object: u32,
    count: usize,
}

impl Batch {
    /// Elements so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.wire.bytes.len() + self.wire.handles.iter().map(jsrun_core::value::Handle::size).sum::<usize>()
    }

    /// Converts one element and adds it. One that does not convert leaves the batch as it was.
    pub(crate) fn add(&mut self, object: &Bound<'_, PyAny>, shared: &Arc<Shared>, pending: &mut Pending) -> PyResult<()> {
        if self.wire.bytes.is_empty() {
            self.begin();
        }
        let (bytes, handles) = (self.wire.bytes.len(), self.wire.handles.len());
        let wire = std::mem::take(&mut self.wire);
        let mut encoder = Encoder::after(shared, wire, self.next_object, pending);
        let written = encoder.value(object);
        let (mut wire, next_object) = encoder.into_parts();
        if let Err(failure) = written {
            wire.bytes.truncate(bytes);
            wire.handles.truncate(handles);
            self.wire = wire;
            close_all(object.py(), pending);
            return Err(failure.into_error(object.py(), "$"));
        }
        (self.wire, self.next_object) = (wire, next_object);
        self.count += 1;
        Ok(())
    }

    /// The array, with `last` as one more element.
    pub(crate) fn finish(mut self, last: usize) -> Wire {
        if self.wire.bytes.is_empty() {
            self.begin();
        }
        let mut wire = self.wire;
        wire.bytes.number(last as f64);
        let length = self.count as u64 + 1;
        wire.bytes.push(wire::ARRAY_END);
        wire.bytes.varint(0);
        wire.bytes.varint(length);
        let start = wire::HEADER.len() + 1;
        for (index, byte) in wire.bytes[start..start + LENGTH].iter_mut().enumerate() {
            let more = if index + 1 < LENGTH { 0x80 } else { 0 };
            *byte = (length >> (7 * index)) as u8 & 0x7F | more;
        }
        wire
    }

    fn begin(&mut self) {
        self.wire.bytes.extend_from_slice(&wire::HEADER);
        self.wire.bytes.push(wire::ARRAY);
        self.wire.bytes.extend_from_slice(&[0; LENGTH]);
        // The array itself.
        self.next_object = 1;
    }
}

/// Closes the coroutines of a value that does not go out: nobody will await them. Other awaitables have no `close`.
pub(super) fn close_all(py: Python<'_>, pending: &mut Pending) {
    for (_, awaitable) in pending.drain(..) {
        let _ = awaitable.call_method0(py, "close");
    }
}
