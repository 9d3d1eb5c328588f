//! Keeps a flood of console messages and reports bounded: what the host has not taken yet counts, the rest is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most console messages under way to the host.
pub(crate) const CONSOLE: usize = 1_000;

/// Messages of one isolate under way.
#[derive(Debug)]
pub(crate) struct Flood {
    most: usize,
    pending: AtomicUsize,
    dropped: AtomicUsize,
}

/// One message under way; dropped when the host has taken it, or its queue is gone.
#[derive(Debug)]
pub struct Admitted(Arc<Flood>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Flood {
    /// At most `most` at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, pending: AtomicUsize::new(0), dropped: AtomicUsize::new(0) }
    }

    /// Lets one message through, with the number dropped since the last one. `None` drops it.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<(Admitted, usize)> {
        if self.pending.load(Ordering::Acquire) >= self.most {
            self.dropped.fetch_add(1, Ordering::AcqRel);
            return None;
        }
        self.pending.fetch_add(1, Ordering::AcqRel);
        Some((Admitted(Arc::clone(self)), self.dropped.swap(0, Ordering::AcqRel)))
    }
}
