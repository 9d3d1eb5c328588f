//! Buffers that were read and can be written again: the pages of a fresh one cost more than filling it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::reactor;

/// Bytes of values on their way out that are kept at most.
const FOR_VALUES: usize = 1 << 20;
/// Bytes of array buffers that are kept at most: V8 frees them in heaps, whenever it collects.
const FOR_STORES: usize = 8 << 20;
/// Room of a fresh buffer: most values need no more.
const USUAL: usize = 128;
/// Below, an allocation is cheap.
const LEAST: usize = 4 << 10;
/// From here on a buffer is large: one is kept, and not for long.
const LARGE: usize = 1 << 20;
/// The largest that is kept.
const LARGEST: usize = 64 << 20;
/// How long the large one is kept without being used.
const REST: Duration = Duration::from_secs(1);

/// Spare buffers of one isolate, from any thread to any other.
#[derive(Debug)]
pub struct Spares {
    kept: Arc<Mutex<Kept>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Kept {
    small: Vec<Vec<u8>>,
    /// Room of the small ones.
    bytes: usize,
    /// The large one, and when it was given back.
    large: Option<(Vec<u8>, Instant)>,
    /// Somebody is to come and free the large one.
    watched: bool,
}

impl Spares {
    /// For values on their way out.
    pub(crate) fn for_values() -> Self {
        Self { kept: Arc::default(), most: FOR_VALUES }
    }

    /// For the stores of array buffers.
    pub(crate) fn for_stores() -> Self {
        Self { kept: Arc::default(), most: FOR_STORES }
    }

    /// Room of what is kept.
    pub(super) fn bytes(&self) -> usize {
        let kept = self.kept.lock();
        kept.bytes + kept.large.as_ref().map_or(0, |(buffer, _)| buffer.capacity())
    }

    /// A copy of `bytes`.
    pub fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() < LEAST {
            return bytes.to_vec();
        }
        let mut buffer = if bytes.len() < LARGE { self.take() } else { self.take_large() };
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// An empty buffer, perhaps with room.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut kept = self.kept.lock();
        let Some(buffer) = kept.small.pop() else { return Vec::with_capacity(USUAL) };
        kept.bytes -= buffer.capacity();
        buffer
    }

    /// An empty buffer, perhaps with much room.
    fn take_large(&self) -> Vec<u8> {
        self.kept.lock().large.take().map(|(buffer, _)| buffer).unwrap_or_default()
    }

    /// `buffer` with room for `more` bytes: in another one if that spares making it.
    pub fn widen(&self, buffer: &mut Vec<u8>, more: usize) {
        if more < LARGE || buffer.len() > LEAST || buffer.capacity() - buffer.len() >= more {
            return;
        }
        let mut wide = self.take_large();
        wide.extend_from_slice(buffer);
        self.give(std::mem::replace(buffer, wide));
    }

    /// Gives a buffer back that is not needed any more.
    pub fn give(&self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if !(LEAST..=LARGEST).contains(&size) {
            return;
        }
        buffer.clear();
        let mut kept = self.kept.lock();
        if size >= LARGE {
            let larger = kept.large.as_ref().is_none_or(|(other, _)| other.capacity() < size);
            let replaced = if larger { kept.large.replace((buffer, Instant::now())) } else { Some((buffer, Instant::now())) };
            let watch = !std::mem::replace(&mut kept.watched, true);
            drop(kept);
            drop(replaced);
            if watch {
                watch_large(Arc::clone(&self.kept));
            }
        } else if kept.bytes + size <= self.most {
            kept.bytes += size;
            kept.small.push(buffer);
        }
    }
}

/// Frees the large buffer when nobody has used it for a while.
fn watch_large(kept: Arc<Mutex<Kept>>) {
    let Ok(reactor) = reactor::handle() else {
        let mut kept = kept.lock();
        kept.large = None;
        kept.watched = false;
        return;
    };
    reactor.spawn(async move {
        loop {
            tokio::time::sleep_until((Instant::now() + REST).into()).await;
            let mut kept = kept.lock();
            if kept.large.as_ref().is_none_or(|(_, since)| since.elapsed() >= REST) {
                kept.watched = false;
                let freed = kept.large.take();
                drop(kept);
                drop(freed);
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{FOR_VALUES, LARGE, LARGEST, LEAST, Spares, USUAL};

    #[test]
    fn a_buffer_comes_back_empty_and_no_more_are_kept_than_allowed() {
        let spares = Spares::for_values();
        spares.give(vec![1; LEAST]);
        let again = spares.take();
        assert!(again.is_empty() && again.capacity() >= LEAST);
        spares.give(vec![0; LEAST - 1]);
        assert_eq!(spares.take().capacity(), USUAL);
        for _ in 0..8 {
            spares.give(vec![0; FOR_VALUES / 4]);
        }
        assert_eq!((0..8).filter(|_| spares.take().capacity() > USUAL).count(), 4);
    }

    #[test]
    fn one_large_buffer_is_kept() {
        let spares = Spares::for_values();
        spares.give(Vec::with_capacity(LARGE));
        spares.give(Vec::with_capacity(2 * LARGE));
        spares.give(Vec::with_capacity(LARGE));
        spares.give(Vec::with_capacity(LARGEST + 1));
        let mut small = vec![7];
        spares.widen(&mut small, 2 * LARGE - 1);
        assert_eq!((small.as_slice(), small.capacity()), ([7].as_slice(), 2 * LARGE));
        assert_eq!(spares.take_large().capacity(), 0);
    }
}
