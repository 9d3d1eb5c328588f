//! How items get from many producers to one consumer that sleeps: the protocol alone, whatever the items and the wake-up are. Compiled by the model
//! checker in `rust/loom` too, which tries every order in which threads can meet here.
//!
//! `armed` means "the consumer will look without being woken". A producer pushes first and then swaps `armed` to true; only the one that
//! found it false signals. A consumer clears the signal and `armed` *before* it takes items, so an item
//! pushed later either is taken by this drain or causes a new wake-up. Everybody swaps `armed`, also who does not ask for what it was: so each has seen what
//! those did who swapped before, and of a consumer that goes to sleep and a producer that comes, one sees the other.

use std::collections::VecDeque;

use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering};

/// What rouses the consumer: it stays set from [`Signal::signal`] to [`Signal::clear`].
pub(crate) trait Signal {
    /// Sets it.
    fn signal(&self);
    /// Takes it back.
    fn clear(&self);
}

/// Items on their way, and whether their consumer must be woken for them.
#[derive(Debug)]
pub(crate) struct Handover<T, S> {
    /// Items in order of arrival; `None` once closed. The lock makes "closed or queued" one decision.
    items: Mutex<Option<VecDeque<T>>>,
    /// Number of queued items, readable without the lock while spinning.
    len: AtomicUsize,
    /// True while the consumer needs no wake-up.
    armed: AtomicBool,
    /// Lives as long as the last producer that may signal.
    signal: S,
}

impl<T, S: Signal> Handover<T, S> {
    /// An empty one, whose consumer sleeps.
    pub(crate) fn new(signal: S) -> Self {
        Self { items: Mutex::new(Some(VecDeque::new())), len: AtomicUsize::new(0), armed: AtomicBool::new(false), signal }
    }

    /// What rouses the consumer.
    pub(crate) fn signal(&self) -> &S {
        &self.signal
    }

    /// Queues an item, or gives it back when closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        {
            let mut items = self.items.lock();
            let Some(items) = items.as_mut() else { return Err(item) };
            items.push_back(item);
            self.len.store(items.len(), Ordering::Release);
        }
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.signal.signal();
        }
        Ok(())
    }

    /// Takes up to `limit` items. If some are left, the consumer is woken again.
    pub(crate) fn drain(&self, limit: usize, into: &mut Vec<T>) {
        self.signal.clear();
        self.armed.swap(false, Ordering::AcqRel);
        if self.take(limit, into) > 0 && !self.armed.swap(true, Ordering::AcqRel) {
            self.signal.signal();
        }
    }

    /// Takes up to `limit` items without touching the signal; returns how many are left.
    fn take(&self, limit: usize, into: &mut Vec<T>) -> usize {
        let mut items = self.items.lock();
        let Some(items) = items.as_mut() else { return 0 };
        let count = items.len().min(limit);
        into.extend(items.drain(..count));
        self.len.store(items.len(), Ordering::Release);
        items.len()
    }

    /// Takes one item if there is one. For a consumer that is looking anyway.
    pub(crate) fn try_next(&self) -> Option<T> {
        if !self.is_ready() {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.as_mut()?.pop_front();
        self.len.store(items.as_ref().map_or(0, VecDeque::len), Ordering::Release);
        item
    }

    /// Whether an item is waiting.
    pub(crate) fn is_ready(&self) -> bool {
        self.len.load(Ordering::Acquire) != 0
    }

    /// Says that the consumer looks now: producers need not signal.
    pub(crate) fn arm(&self) {
        self.armed.swap(true, Ordering::AcqRel);
    }

    /// Takes [`Handover::arm`] back; returns whether an item is waiting (then nobody will signal for it).
    pub(crate) fn disarm(&self) -> bool {
        self.signal.clear();
        self.armed.swap(false, Ordering::AcqRel);
        self.is_ready()
    }

    /// Waits until an item is there: with `spin`, which says whether it saw one, then with `park`, which returns when the signal is set, or says that it
    /// gave up.
    pub(crate) fn wait(&self, spin: impl FnOnce(&Self) -> bool, park: impl FnOnce(&S) -> bool) -> bool {
        self.arm();
        if spin(self) {
            return true;
        }
        if self.disarm() {
            self.arm();
            return true;
        }
        let woken = park(&self.signal);
        self.arm();
        self.signal.clear();
        woken || self.is_ready()
    }

    /// Announces items that one consumer found and leaves to the next.
    pub(crate) fn wake_consumer(&self) {
        self.armed.swap(true, Ordering::AcqRel);
        self.signal.signal();
    }

    /// Closes; what was queued is the caller's, and later pushes are refused.
    pub(crate) fn close(&self) -> Vec<T> {
        let items = self.items.lock().take();
        self.len.store(0, Ordering::Release);
        items.map(Vec::from).unwrap_or_default()
    }
}
