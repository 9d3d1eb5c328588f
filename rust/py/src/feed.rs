//! Chunks of a Python iterator on their way to JavaScript: converted one by one, the moment they are there, and sent in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsrun_core::isolate::Shared;
use jsrun_core::value::Wire;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::convert::{Batch, Pending};

/// The native half of one host stream.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    load: Mutex<Load>,
    /// It counts as a stream.
    open: AtomicBool,
}

/// Chunks, and the awaitables among them: these start when JavaScript has been sent their promises.
#[derive(Default)]
struct Load {
    batch: Batch,
    pending: Pending,
}

/// A batch on its way: what `pull` promises JavaScript.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct Chunks(Mutex<Option<(Wire, Pending)>>);

impl Chunks {
    /// The batch, once, and what starts when it is sent.
    pub(crate) fn take(&self) -> Option<(Wire, Pending)> {
        self.0.lock().take()
    }
}

impl Feed {
    /// A host stream of `shared`'s isolate.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), load: Mutex::default(), open: AtomicBool::new(false) }
    }
}

#[pymethods]
impl Feed {
    /// Converts a chunk and adds it; returns the bytes of the batch so far.
    fn add(&self, chunk: &Bound<'_, PyAny>) -> PyResult<usize> {
        // Not under the lock: converting runs Python code.
        let mut load = std::mem::take(&mut *self.load.lock());
        let before = load.batch.size();
        let mut pending = Pending::new();
        let added = load.batch.add(chunk, &self.shared, &mut pending);
        load.pending.append(&mut pending);
        let size = load.batch.size();
        *self.load.lock() = load;
        added?;
        self.shared.counters.host_streams.moved(size.saturating_sub(before));
        Ok(size)
    }

    /// Chunks of the batch so far.
    fn __len__(&self) -> usize {
        self.load.lock().batch.len()
    }

    /// The batch, with how it goes on: 0 for more, 1 at the end, 2 after an error, which is the last chunk.
    fn flush(&self, how: u8) -> Chunks {
        let load = std::mem::take(&mut *self.load.lock());
        let last = load.batch.size() * 4 + usize::from(how);
        Chunks(Mutex::new(Some((load.batch.finish(last), load.pending))))
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
