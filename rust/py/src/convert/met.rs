//! What the outgoing walker has met: objects by address, and keys where they were written.

use std::ops::Range;

use jsrun_core::wire;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::hash::ByNumber;

/// Numbers of objects by address.
pub(super) type Seen = ByNumber<usize, u32>;

/// Places for keys. A key has one, where the last one stays.
const PLACES: usize = 64;
/// Values with fewer keys do without.
const FEW: usize = 16;

/// Keys of dicts and where they were written last: rows have the same ones, and the same objects.
#[derive(Default)]
pub(super) struct Keys<'py> {
    places: Vec<Option<(Bound<'py, PyString>, Range<usize>)>>,
    written: usize,
}

impl<'py> Keys<'py> {
    /// Writes `key` as it was written before, if it was.
    pub(super) fn again(&self, key: &Bound<'py, PyString>, bytes: &mut Vec<u8>) -> bool {
        match self.places.get(place(key)) {
            Some(Some((known, range))) if known.is(key) => {
                bytes.extend_from_within(range.clone());
                true
            }
            _ => false,
        }
    }

    /// Remembers that `key` was written from `start` on. Not of two bytes a character: those have to be aligned.
    pub(super) fn learn(&mut self, key: &Bound<'py, PyString>, bytes: &[u8], start: usize) {
        self.written += 1;
        if self.written <= FEW || matches!(bytes[start], wire::PADDING | wire::UTF16) {
            return;
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        self.places[place(key)] = Some((key.clone(), start..bytes.len()));
    }

    /// What was written is gone.
    pub(super) fn forget(&mut self) {
        self.places.clear();
    }
}

fn place(key: &Bound<'_, PyString>) -> usize {
    let address = key.as_ptr() as usize;
    (address >> 4 ^ address >> 10) % PLACES
}
