//! Keys that Python's hash tables cannot tell apart. The hash of an integer is no secret: of big ones that are chosen for it, a `dict` would take quadratic
//! time, which no deadline ends.

use std::collections::HashMap;

use jsrun_core::wire::{self, Reader};
use pyo3::prelude::*;

/// Keys of one hash that are still cheap.
const MOST: u32 = 64;

/// The big integers among the keys of one collection.
#[derive(Default)]
pub(super) struct Crowd {
    by_hash: HashMap<isize, u32>,
    too_dense: bool,
}

impl Crowd {
    /// Whether a value that comes next has a hash that whoever made it can choose. Smaller numbers are their own hash; those of text and bytes are secret.
    pub(super) fn concerns(reader: &Reader<'_>) -> bool {
        reader.peek() == Some(wire::BIGINT)
    }

    /// Counts a key.
    pub(super) fn add(&mut self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let count = self.by_hash.entry(key.hash()?).or_default();
        *count += 1;
        self.too_dense |= *count > MOST;
        Ok(())
    }

    /// Whether no hash table should hold them.
    pub(super) fn is_too_dense(&self) -> bool {
        self.too_dense
    }
}
