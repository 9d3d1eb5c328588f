//! The locks and atomics of the hand-over and the gate. The model checker in `rust/loom` puts its own in the place of this file.

pub(super) use parking_lot::Mutex;
pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
