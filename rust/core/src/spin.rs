//! A bounded, adaptive spin before a thread sleeps. It never runs while idle: a wait that was not answered makes the next one shorter.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Threads that spin at this moment, process-wide: never more than there are processors.
static SPINNING: AtomicUsize = AtomicUsize::new(0);

/// Looks between two offers of the processor.
const PAUSES: u32 = 48;
/// Longest spin.
const LONGEST: Duration = Duration::from_micros(60);
/// What a spin shrinks to after repeated failures.
const SHORTEST: Duration = Duration::from_micros(2);

/// Processors that this process may use, as it was when it was first asked: asking reads files.
pub(crate) fn processors() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Lets a thread run that the scheduler queued on this processor. The thread that will answer is often just that one: without giving
/// way, each side would spin while the other waits for the processor it spins on, at 100 us a turn.
pub(crate) fn give_way() {
    // SAFETY: a system call without arguments.
    unsafe { libc::sched_yield() };
}

/// One waiter's memory of how long answers take.
#[derive(Debug)]
pub struct Spin {
    /// How long the next spin may take.
    budget: Duration,
}

impl Default for Spin {
    fn default() -> Self {
        Self { budget: LONGEST }
    }
}

impl Spin {
    /// Spins until `ready` says so or the budget is used up. Returns `ready`'s last word.
    pub fn until(&mut self, ready: impl Fn() -> bool) -> bool {
        if ready() {
            return true;
        }
        let others = SPINNING.fetch_add(1, Ordering::Relaxed);
        let found = others < processors() && processors() > 1 && self.run(&ready);
        SPINNING.fetch_sub(1, Ordering::Relaxed);
        found
    }

    /// Tells how long the whole wait took, spin and sleep together: only short waits are worth spinning for.
    pub fn learn(&mut self, waited: Duration) {
        self.budget = if waited < LONGEST * 2 { LONGEST } else { (self.budget / 2).max(SHORTEST) };
    }

    fn run(&self, ready: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        loop {
            for _ in 0..PAUSES {
                if ready() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= self.budget {
                return ready();
            }
            give_way();
        }
    }
}
