//! Loom's locks and atomics under the names that `rust/core/src/completion/sync.rs` has.

use loom::sync::MutexGuard;
pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A lock without poisoning, as in the library.
#[derive(Debug)]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}
