//! A gate that lets exactly one through, however many come at once. Compiled by the model checker in `rust/loom` too.

use super::sync::{AtomicBool, Ordering};

/// Open until somebody went through.
#[derive(Debug)]
pub(crate) struct Gate(AtomicBool);

impl Gate {
    /// An open gate.
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Goes through; true for the one caller that found it open.
    pub(crate) fn pass(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Whether somebody went through.
    pub(crate) fn is_shut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
