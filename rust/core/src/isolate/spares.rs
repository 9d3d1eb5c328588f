//! Buffers that were read and can be written again: a fresh one of this size costs page faults, which cost more than filling it.

use parking_lot::Mutex;

/// Bytes of values on their way out that are kept at most.
const FOR_VALUES: usize = 1 << 20;
/// Bytes of array buffers that are kept at most: V8 frees them in heaps, whenever it collects.
const FOR_STORES: usize = 8 << 20;
/// The largest buffer that is kept.
const LARGEST: usize = 1 << 20;
/// Below, an allocation is cheap.
const LEAST: usize = 4 << 10;

/// Spare buffers of one isolate, from any thread to any other.
#[derive(Debug)]
pub struct Spares {
    kept: Mutex<Kept>,
    most: usize,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spares {
    /// For values on their way out.
    pub(crate) fn for_values() -> Self {
        Self { kept: Mutex::default(), most: FOR_VALUES }
    }

    /// For the stores of array buffers.
    pub(crate) fn for_stores() -> Self {
        Self { kept: Mutex::default(), most: FOR_STORES }
    }

    /// A copy of `bytes`.
    pub fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.take();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// An empty buffer, perhaps with room.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut kept = self.kept.lock();
        let Some(buffer) = kept.buffers.pop() else { return Vec::new() };
        kept.bytes -= buffer.capacity();
        buffer
    }

    /// Gives a buffer back that is not needed any more.
    pub fn give(&self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if !(LEAST..=LARGEST).contains(&size) {
            return;
        }
        buffer.clear();
        let mut kept = self.kept.lock();
        if kept.bytes + size <= self.most {
            kept.bytes += size;
            kept.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FOR_VALUES, LARGEST, LEAST, Spares};

    #[test]
    fn a_buffer_comes_back_empty_and_no_more_are_kept_than_allowed() {
        let spares = Spares::for_values();
        spares.give(vec![1; LEAST]);
        let again = spares.take();
        assert!(again.is_empty() && again.capacity() >= LEAST);
        spares.give(vec![0; LEAST - 1]);
        spares.give(vec![0; LARGEST + 1]);
        assert_eq!(spares.take().capacity(), 0);
        for _ in 0..8 {
            spares.give(vec![0; FOR_VALUES / 4]);
        }
        assert_eq!((0..8).filter(|_| spares.take().capacity() > 0).count(), 4);
    }
}
