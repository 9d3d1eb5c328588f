//! Buffers that were read and can be written again: the pages of a fresh one cost more than filling it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::reactor;

/// Bytes of values on their way out that are kept at most.
const FOR_VALUES: usize = 1 << 20;
/// Bytes of array buffers that are kept at most: V8 frees them in heaps, whenever it collects.
const FOR_STORES: usize = 8 << 20;
/// Room of a fresh buffer: most values need no more. Another thread frees it, which with one byte more takes the lock of the allocator that this
/// thread allocates with: glibc's fast bins end here.
const USUAL: usize = 120;
/// Below, an allocation is cheap.
const LEAST: usize = 4 << 10;
/// From here on a buffer is large, and not kept for long.
const LARGE: usize = 1 << 20;
/// Bytes of large buffers that are kept at most.
const LARGEST: usize = 64 << 20;
/// How long a large one is kept without being used.
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
    /// The large ones, and when they were given back: the longest ago first.
    large: Vec<(Vec<u8>, Instant)>,
    /// Somebody is to come and free the large ones.
    watched: bool,
}

impl Kept {
    fn large_bytes(&self) -> usize {
        self.large.iter().map(|(buffer, _)| buffer.capacity()).sum()
    }
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
    pub(crate) fn bytes(&self) -> usize {
        let kept = self.kept.lock();
        kept.bytes + kept.large_bytes()
    }

    /// A copy of `bytes`.
    pub fn copy(&self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() < LEAST {
            return bytes.to_vec();
        }
        let mut buffer = if bytes.len() < LARGE {
            self.take()
        } else {
            let fits = bytes.len()..=bytes.len() * 2;
            self.take_large(|room| fits.contains(&room)).unwrap_or_else(|| Vec::with_capacity(bytes.len()))
        };
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

    /// A large buffer, empty, whose room is wanted: the last one used.
    fn take_large(&self, is_wanted: impl Fn(usize) -> bool) -> Option<Vec<u8>> {
        let mut kept = self.kept.lock();
        let at = kept.large.iter().rposition(|(buffer, _)| is_wanted(buffer.capacity()))?;
        Some(kept.large.remove(at).0)
    }

    /// `buffer` with room for `more` bytes: in another one if that spares making it.
    pub fn widen(&self, buffer: &mut Vec<u8>, more: usize) {
        if more < LARGE || buffer.len() > LEAST || buffer.capacity() - buffer.len() >= more {
            return;
        }
        // `more` may be a guess, and far too much: never made for it.
        let Some(mut wide) = self.take_large(|_| true) else { return };
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
            let mut freed = Vec::new();
            while !kept.large.is_empty() && kept.large_bytes() + size > LARGEST {
                freed.push(kept.large.remove(0));
            }
            kept.large.push((buffer, Instant::now()));
            let watch = !std::mem::replace(&mut kept.watched, true);
            drop(kept);
            drop(freed);
            if watch {
                watch_large(Arc::clone(&self.kept));
            }
        } else if kept.bytes + size <= self.most {
            kept.bytes += size;
            kept.small.push(buffer);
        }
    }
}

/// Frees the large buffers that nobody has used for a while.
fn watch_large(kept: Arc<Mutex<Kept>>) {
    let Ok(reactor) = reactor::handle() else {
        let mut kept = kept.lock();
        kept.large.clear();
        kept.watched = false;
        return;
    };
    reactor.spawn(async move {
        loop {
            tokio::time::sleep_until((Instant::now() + REST).into()).await;
            let mut kept = kept.lock();
            let rested = kept.large.iter().take_while(|(_, since)| since.elapsed() >= REST).count();
            let freed: Vec<_> = kept.large.drain(..rested).collect();
            let last = kept.large.is_empty();
            kept.watched = !last;
            drop(kept);
            drop(freed);
            if last {
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
    fn large_buffers_are_kept_while_there_is_room_for_them_and_go_where_they_fit() {
        let spares = Spares::for_values();
        spares.give(Vec::with_capacity(LARGE));
        spares.give(Vec::with_capacity(2 * LARGE));
        spares.give(Vec::with_capacity(LARGEST + 1));
        assert_eq!(spares.bytes(), 3 * LARGE);
        let mut small = vec![7];
        spares.widen(&mut small, 2 * LARGE - 1);
        assert_eq!((small.as_slice(), small.capacity()), ([7].as_slice(), 2 * LARGE));
        assert_eq!(spares.bytes(), LARGE);
        // Nothing is made for a guess.
        let mut guessed = vec![7];
        Spares::for_values().widen(&mut guessed, usize::MAX);
        assert!(guessed.capacity() < LARGE);
        // Much larger than what is wanted, or too small for it.
        spares.give(Vec::with_capacity(8 * LARGE));
        assert_eq!(spares.copy(&vec![1; 3 * LARGE]).capacity(), 3 * LARGE);
        assert_eq!(spares.bytes(), 9 * LARGE);
        // The longest unused makes room.
        spares.give(Vec::with_capacity(LARGEST - 8 * LARGE));
        assert_eq!(spares.bytes(), LARGEST);
        assert_eq!(spares.copy(&vec![1; LARGE]).capacity(), LARGE);
        assert_eq!(spares.bytes(), LARGEST);
    }
}
