//! The queue of things a host thread must look at: finished operations, host calls, reports. Knows nothing of event loops.
//!
//! One queue belongs to one event loop, or to one thread that blocks. Producers are isolate and reactor threads. Who wakes whom, and why nothing is lost,
//! is in `handover.rs`.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;

use super::handover::{Handover, Signal};
use super::wake::Wake;
use crate::reply::Item;
use crate::spin::Spin;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Queues that are open in this process.
pub(crate) fn open_queues() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// A multi-producer queue with one wake-up descriptor.
#[derive(Debug)]
pub struct Queue {
    /// The items, and the consumer's descriptor. Apart: producers write here, and the consumer reads the rest.
    items: CachePadded<Handover<Item, Wake>>,
    /// Blocking calls that keep the queue's event loop from running at this moment.
    blockers: AtomicUsize,
    /// It counts as open.
    open: AtomicBool,
}

impl Signal for Wake {
    fn signal(&self) {
        Self::signal(self);
    }

    fn clear(&self) {
        Self::clear(self);
    }
}

/// What ended a blocking wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There is at least one item.
    Ready,
    /// A signal arrived: look around and wait again.
    Interrupted,
}

impl Queue {
    /// Opens a queue.
    ///
    /// # Errors
    /// The operating system's, when no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let items = CachePadded::new(Handover::new(Wake::new()?));
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self { items, blockers: AtomicUsize::new(0), open: AtomicBool::new(true) })
    }

    /// The descriptor an event loop watches for reading.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.items.signal().fd()
    }

    /// Queues an item, or gives it back when the queue is closed.
    pub(crate) fn push(&self, item: Item) -> Result<(), Item> {
        self.items.push(item)
    }

    /// Takes up to `limit` items. If some are left, the descriptor is readable again afterwards.
    pub fn drain(&self, limit: usize, into: &mut Vec<Item>) {
        self.items.drain(limit, into);
    }

    /// Takes one item if there is one. For a consumer that is looking anyway.
    pub fn try_next(&self) -> Option<Item> {
        self.items.try_next()
    }

    /// Whether an item is waiting.
    pub fn is_ready(&self) -> bool {
        self.items.is_ready()
    }

    /// Says that this thread looks at the queue now: producers need not write the descriptor.
    pub fn arm(&self) {
        self.items.arm();
    }

    /// Takes [`Queue::arm`] back; returns whether an item is waiting (then nobody will be woken for it).
    pub fn disarm(&self) -> bool {
        self.items.disarm()
    }

    /// Blocks the calling thread until an item is there. Spins first, then sleeps in the kernel.
    ///
    /// With `look`, signals are let in while the thread sleeps: `look` is asked just before and returns true to give up.
    pub fn wait(&self, spin: &mut Spin, look: Option<&dyn Fn() -> bool>) -> Waited {
        let mut slept = None;
        let ready = self.items.wait(
            |items| spin.until(|| items.is_ready()),
            |wake| {
                slept = Some(Instant::now());
                look.map_or_else(|| wake.wait(), |look| wake.wait_for_signals(look))
            },
        );
        if let Some(since) = slept {
            spin.learn(since.elapsed());
        }
        if ready { Waited::Ready } else { Waited::Interrupted }
    }

    /// Announces items that a consumer found and leaves to the event loop.
    pub fn wake_consumer(&self) {
        self.items.wake_consumer();
    }

    /// A blocking call on the loop's own thread begins (+1) or ends.
    pub fn block_loop(&self, begins: bool) {
        if begins {
            self.blockers.fetch_add(1, Ordering::AcqRel);
        } else {
            self.blockers.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether a blocking call keeps this queue's loop from running.
    pub fn is_blocked_loop(&self) -> bool {
        self.blockers.load(Ordering::Acquire) != 0
    }

    /// Closes the queue; what was queued is dropped here, on the caller's thread, and later pushes are refused.
    pub fn close(&self) -> Vec<Item> {
        self.uncount();
        self.items.close()
    }

    fn uncount(&self) {
        if self.open.swap(false, Ordering::AcqRel) {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether [`Queue::close`] was called.
    pub fn is_closed(&self) -> bool {
        // Not the items' lock: producers have it all the time.
        !self.open.load(Ordering::Acquire)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.uncount();
    }
}
