//! Chunks of a Python iterator on their way to JavaScript: converted one by one, the moment they are there, and sent in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsrun_core::isolate::Shared;
use jsrun_core::value::Wire;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::bridge::LoopBridge;
use crate::caller::start_pending;
use crate::convert::{Batch, Pending};

/// The native half of one host stream.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    batch: Mutex<Batch>,
    /// It counts as a stream.
    open: AtomicBool,
}

/// A batch on its way: what `pull` promises JavaScript.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct Chunks(Mutex<Option<Wire>>);

impl Chunks {
    /// The batch, once.
    pub(crate) fn take(&self) -> Option<Wire> {
        self.0.lock().take()
    }
}

impl Feed {
    /// A host stream of `shared`'s isolate.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), batch: Mutex::default(), open: AtomicBool::new(false) }
    }
}

#[pymethods]
impl Feed {
    /// Converts a chunk and adds it; returns the bytes of the batch so far.
    fn add(&self, chunk: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = chunk.py();
        let mut batch = std::mem::take(&mut *self.batch.lock());
        let before = batch.size();
        let mut pending = Pending::new();
        let added = batch.add(chunk, &self.shared, &mut pending);
        let size = batch.size();
        *self.batch.lock() = batch;
        added?;
        self.shared.counters.host_streams.moved(size.saturating_sub(before));
        let bridge = LoopBridge::of_running_or_none(py)?;
        start_pending(py, pending, bridge.as_ref(), &self.shared)?;
        Ok(size)
    }

    /// Chunks of the batch so far.
    fn __len__(&self) -> usize {
        self.batch.lock().len()
    }

    /// The batch, with how it goes on: 0 for more, 1 at the end, 2 after an error, which is the last chunk.
    fn flush(&self, how: u8) -> Chunks {
        let batch = std::mem::take(&mut *self.batch.lock());
        Chunks(Mutex::new(Some(batch.finish(how))))
    }

    /// A stream begins.
    fn open(&self) {
        if !self.open.swap(true, Ordering::Relaxed) {
            self.shared.counters.host_streams.opened();
        }
    }

    /// It has ended.
    fn close(&self) {
        if self.open.swap(false, Ordering::Relaxed) {
            self.shared.counters.host_streams.closed();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.close();
    }
}
