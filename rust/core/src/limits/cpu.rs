//! Time on the isolate's thread: counted for operations with a limit of it, in slices from one change of whose JavaScript runs to the next. It
//! does not pass while the thread waits for the host.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(crate) use super::watchdog::REPEAT;
use crate::isolate::Shared;
use crate::reply::{Cause, Ticket};

/// How far a limit may be passed inside promise jobs before the entry's operation is blamed unseen: V8 did not say whose job it runs.
const UNSEEN: Duration = Duration::from_millis(20);

/// Whose JavaScript runs on the thread, and since when on its clock.
#[derive(Debug)]
struct Slice {
    ticket: Option<Arc<Ticket>>,
    /// Promise jobs or timers of anybody: only an interrupt can tell whose.
    shared: bool,
    since: Duration,
}

/// The time of one isolate's thread.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    /// Operations with a limit that have begun and not ended. Without one, nothing here costs anything.
    limited: AtomicUsize,
    clock: OnceLock<Clock>,
    slice: Mutex<Option<Slice>>,
}

impl CpuMeter {
    /// An operation with a limit begins.
    pub(crate) fn add(&self, ticket: &Ticket) {
        if ticket.cpu.is_some() {
            self.limited.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// It ended.
    pub(crate) fn remove(&self, ticket: &Ticket) {
        if ticket.cpu.is_some() {
            self.limited.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether anything is counted.
    pub(crate) fn is_on(&self) -> bool {
        self.limited.load(Ordering::Acquire) != 0
    }

    /// On the isolate's thread: from now on JavaScript of `ticket` runs, or with `shared` perhaps that of others. Returns the time since the
    /// last change if it was nobody's.
    pub(crate) fn switch(&self, ticket: Option<&Arc<Ticket>>, shared: bool) -> Option<Duration> {
        if !self.is_on() {
            return None;
        }
        let now = self.clock.get_or_init(Clock::of_this_thread).now();
        let mut slice = self.slice.lock();
        let before = slice.replace(Slice { ticket: ticket.cloned(), shared, since: now });
        drop(slice);
        charge(before, now)
    }

    /// On the isolate's thread: no JavaScript is on the stack. Otherwise like [`CpuMeter::switch`].
    pub(crate) fn rest(&self) -> Option<Duration> {
        let before = self.slice.lock().take();
        let now = self.clock.get()?.now();
        charge(before, now)
    }

    /// In an interrupt inside promise jobs: what runs is `owner`'s.
    pub(crate) fn observe(&self, owner: Option<&Arc<Ticket>>) {
        if !self.is_on() {
            return;
        }
        let now = self.clock.get_or_init(Clock::of_this_thread).now();
        let mut slice = self.slice.lock();
        let since = slice.as_ref().map_or(now, |slice| slice.since);
        if let Some(owner) = owner {
            owner.charge(now.saturating_sub(since));
        }
        *slice = Some(Slice { ticket: owner.cloned(), shared: true, since: now });
    }
}

fn charge(slice: Option<Slice>, now: Duration) -> Option<Duration> {
    let slice = slice?;
    let time = now.saturating_sub(slice.since);
    match slice.ticket {
        Some(ticket) => {
            ticket.charge(time);
            None
        }
        None => slice.shared.then_some(time),
    }
}

/// On the reactor: is the limit of what runs used up? Looks again when it may be. Returns whether the isolate must be interrupted.
pub(super) fn look(shared: &Arc<Shared>) -> bool {
    let meter = &shared.cpu;
    let (Some(clock), true) = (meter.clock.get(), meter.is_on()) else { return false };
    let now = Instant::now();
    let slice = meter.slice.lock();
    let Some(running) = &*slice else { return false };
    let spent = clock.now().saturating_sub(running.since);
    let in_jobs = running.shared;
    let limited = running.ticket.as_ref().and_then(|ticket| Some((Arc::clone(ticket), ticket.cpu_left()?)));
    drop(slice);
    let patience = if in_jobs { UNSEEN } else { Duration::ZERO };
    match limited {
        Some((ticket, left)) if spent >= left + patience => {
            stop(shared, &ticket);
            shared.watchdog.watch_cpu(now + REPEAT);
            true
        }
        Some((_, left)) => {
            let wait = if in_jobs { REPEAT } else { left.saturating_sub(spent).max(REPEAT) };
            shared.watchdog.watch_cpu(now + wait);
            in_jobs
        }
        None if in_jobs => {
            shared.watchdog.watch_cpu(now + REPEAT);
            true
        }
        None => false,
    }
}

/// Stops an operation whose time is used up.
pub(crate) fn stop(shared: &Arc<Shared>, ticket: &Arc<Ticket>) {
    if shared.mark_stop(ticket, Cause::CpuTimeout) {
        let now = Instant::now();
        ticket.mark_stopped(now);
        shared.post_stop(ticket);
        shared.watchdog.watch(ticket, now + REPEAT);
    }
}

/// The clock of one thread, readable from others.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Clock(libc::clockid_t);

#[cfg(target_os = "linux")]
impl Clock {
    fn of_this_thread() -> Self {
        let mut id = libc::CLOCK_MONOTONIC;
        // SAFETY: the calling thread exists, and `id` is valid for writes. On failure the wall clock stays.
        unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        Self(id)
    }

    /// Zero once the thread has ended.
    fn now(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writes; a clock that is gone is an error that leaves it as it is.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// Where a thread's clock cannot be read from others: the wall clock, in which waiting for the host counts.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Clock(Instant);

#[cfg(not(target_os = "linux"))]
impl Clock {
    fn of_this_thread() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
