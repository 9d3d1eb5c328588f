//! The queue of things a host thread must look at: finished operations, host calls, reports. Knows nothing of event loops.
//!
//! One queue belongs to one event loop, or to one thread that blocks. Producers are isolate and reactor threads. The protocol:
//! `armed` means "the consumer will look without being woken". A producer pushes first and then swaps `armed` to true; only the one that
//! found it false writes the descriptor. A consumer clears the descriptor and `armed` *before* it takes items, so an item
//! pushed later either is taken by this drain or causes a new wake-up.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

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
    /// Items in order of arrival; `None` once closed. The lock makes "closed or queued" one decision.
    items: Mutex<Option<VecDeque<Item>>>,
    /// Number of queued items, readable without the lock while spinning.
    len: AtomicUsize,
    /// True while the consumer needs no wake-up.
    armed: AtomicBool,
    /// Blocking calls that keep the queue's event loop from running at this moment.
    blockers: AtomicUsize,
    /// The consumer's descriptor; lives as long as the last producer that may write it.
    wake: Wake,
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
        let wake = Wake::new()?;
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            items: Mutex::new(Some(VecDeque::new())),
            len: AtomicUsize::new(0),
            armed: AtomicBool::new(false),
            blockers: AtomicUsize::new(0),
            wake,
        })
    }

    /// The descriptor an event loop watches for reading.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.wake.fd()
    }

    /// Queues an item, or gives it back when the queue is closed.
    pub(crate) fn push(&self, item: Item) -> Result<(), Item> {
        {
            let mut items = self.items.lock();
            let Some(items) = items.as_mut() else { return Err(item) };
            items.push_back(item);
            self.len.store(items.len(), Ordering::Release);
        }
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.wake.signal();
        }
        Ok(())
    }

    /// Takes up to `limit` items. If some are left, the descriptor is readable again afterwards.
    pub fn drain(&self, limit: usize, into: &mut Vec<Item>) {
        self.wake.clear();
        self.armed.store(false, Ordering::SeqCst);
        if self.take(limit, into) > 0 && !self.armed.swap(true, Ordering::AcqRel) {
            self.wake.signal();
        }
    }

    /// Takes up to `limit` items without touching the descriptor; returns how many are left.
    fn take(&self, limit: usize, into: &mut Vec<Item>) -> usize {
        let mut items = self.items.lock();
        let Some(items) = items.as_mut() else { return 0 };
        let count = items.len().min(limit);
        into.extend(items.drain(..count));
        self.len.store(items.len(), Ordering::Release);
        items.len()
    }

    /// Takes one item if there is one. For a consumer that is looking anyway.
    pub fn try_next(&self) -> Option<Item> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.as_mut()?.pop_front();
        self.len.store(items.as_ref().map_or(0, VecDeque::len), Ordering::Release);
        item
    }

    /// Whether an item is waiting.
    pub fn is_ready(&self) -> bool {
        self.len.load(Ordering::Acquire) != 0
    }

    /// Says that this thread looks at the queue now: producers need not write the descriptor.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Takes [`Queue::arm`] back; returns whether an item is waiting (then nobody will be woken for it).
    pub fn disarm(&self) -> bool {
        self.wake.clear();
        self.armed.store(false, Ordering::SeqCst);
        self.len.load(Ordering::SeqCst) != 0
    }

    /// Blocks the calling thread until an item is there. Spins first, then sleeps in the kernel.
    ///
    /// With `look`, signals are let in while the thread sleeps: `look` is asked just before and returns true to give up.
    pub fn wait(&self, spin: &mut Spin, look: Option<&dyn Fn() -> bool>) -> Waited {
        self.arm();
        if spin.until(|| self.is_ready()) {
            return Waited::Ready;
        }
        let start = Instant::now();
        if self.disarm() {
            self.arm();
            return Waited::Ready;
        }
        let woken = match look {
            Some(look) => self.wake.wait_for_signals(look),
            None => self.wake.wait(),
        };
        self.arm();
        self.wake.clear();
        spin.learn(start.elapsed());
        if woken || self.is_ready() { Waited::Ready } else { Waited::Interrupted }
    }

    /// Announces items that a consumer found and leaves to the event loop.
    pub fn wake_consumer(&self) {
        self.armed.store(true, Ordering::SeqCst);
        self.wake.signal();
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
        let items = self.items.lock().take();
        if items.is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
        self.len.store(0, Ordering::Release);
        items.map(Vec::from).unwrap_or_default()
    }

    /// Whether [`Queue::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.items.lock().is_none()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // No lock: in a forked child it may be held by a thread that does not exist there.
        if self.items.get_mut().is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
