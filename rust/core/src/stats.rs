//! Figures of one isolate: counted where things happen, read from any thread without waiting for the isolate.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deno_core::v8;

use crate::reply::Cause;

/// Running totals. All relaxed: they order nothing.
#[derive(Debug, Default)]
pub struct Counters {
    /// Commands run.
    pub operations: AtomicU64,
    /// Operations by [`Kind`], blocking and awaited each.
    pub kinds: [AtomicU64; 8],
    /// Kind of the last one, from 1; 0 before the first.
    pub last_kind: AtomicU64,
    /// Nanoseconds that JavaScript was on the stack, all together.
    pub run_nanos: AtomicU64,
    /// Nanoseconds of the last command.
    pub last_nanos: AtomicU64,
    /// Operations that were begun and have not ended.
    pub live: AtomicU64,
    /// Operations waiting for a promise.
    pub pending: AtomicU64,
    /// Host calls that JavaScript waits for or awaits.
    pub host_calls: AtomicU64,
    /// Timers and intervals that are set, written by JavaScript's own bookkeeping. Outlives the isolate's heap.
    pub timers: Arc<Timers>,
    /// Modules that are known.
    pub modules: AtomicU64,
    /// JavaScript objects the host holds.
    pub handles: AtomicU64,
    /// Heap in use, as of the last look, in bytes.
    pub heap_used: AtomicU64,
    /// Heap reserved, as of the last look, in bytes.
    pub heap_total: AtomicU64,
    /// Heap resident, as of the last look, in bytes.
    pub heap_physical: AtomicU64,
    /// Memory outside the heap that V8 knows of, in bytes.
    pub external: AtomicU64,
    /// Memory of array buffers, in bytes, once V8 has started. Outlives the isolate while a buffer does.
    pub(crate) buffers: OnceLock<Arc<AtomicUsize>>,
    /// Streams of JavaScript's that the host reads.
    pub js_streams: StreamCounters,
    /// Streams of the host's that JavaScript reads.
    pub host_streams: StreamCounters,
    /// Large sources whose compiled code was there.
    pub code_cache_hits: AtomicU64,
    /// Large sources that were compiled anew.
    pub code_cache_misses: AtomicU64,
    /// Operations stopped, by cause.
    pub stops: [AtomicU64; Cause::COUNT],
    /// Reports of unhandled rejections and uncaught errors that were dropped.
    pub reports_dropped: AtomicU64,
}

/// What an operation does, for statistics and for whoever watches operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// Evaluates a script.
    Eval = 0,
    /// Calls a function.
    Call = 1,
    /// Evaluates a module.
    EvalModule = 2,
    /// Waits for a promise that the host holds.
    Await = 3,
}

/// How many timers of each sort are set: once, and again and again. And whether JavaScript is changing deno_core's lists of them.
#[derive(Debug, Default)]
pub struct Timers(pub [AtomicU32; 3]);

impl Timers {
    /// Whether one is set.
    pub(crate) fn any(&self) -> bool {
        self.set() != [0, 0]
    }

    /// How many are set that run once, and how many that repeat.
    #[must_use]
    pub fn set(&self) -> [u32; 2] {
        [self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed)]
    }

    /// Whether JavaScript must not be stopped now: a list that is half changed loses its timers, and those to come.
    pub(crate) fn changing(&self) -> bool {
        self.0[2].load(Ordering::Relaxed) > 0
    }

    /// JavaScript starts anew: no list is being changed, however it was left before.
    pub(crate) fn rest(&self) {
        self.0[2].store(0, Ordering::Relaxed);
    }
}

/// Streams of one direction.
#[derive(Debug, Default)]
pub struct StreamCounters {
    /// Opened and not ended.
    pub active: AtomicU64,
    /// Opened so far.
    pub total: AtomicU64,
    /// Chunks that crossed.
    pub chunks: AtomicU64,
    /// Their rough size in bytes.
    pub bytes: AtomicU64,
}

impl StreamCounters {
    /// One more.
    pub fn opened(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// One ended.
    pub fn closed(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// A chunk crossed.
    pub fn moved(&self, bytes: usize) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Counters {
    /// Memory of array buffers, in bytes.
    pub fn buffer_bytes(&self) -> usize {
        self.buffers.get().map_or(0, |used| used.load(Ordering::Relaxed))
    }

    pub(crate) fn ran(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.last_nanos.store(nanos, Ordering::Relaxed);
    }

    /// JavaScript left the stack on which it was for this long.
    pub(crate) fn left(&self, took: Duration) {
        self.run_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn heap(&self, figures: &v8::HeapStatistics) {
        self.heap_used.store(figures.used_heap_size() as u64, Ordering::Relaxed);
        self.heap_total.store(figures.total_heap_size() as u64, Ordering::Relaxed);
        self.heap_physical.store(figures.total_physical_size() as u64, Ordering::Relaxed);
        self.external.store(figures.external_memory() as u64, Ordering::Relaxed);
    }

    pub(crate) fn kind(&self, kind: Kind, blocking: bool) {
        let index = 2 * kind as usize + usize::from(!blocking);
        self.kinds[index].fetch_add(1, Ordering::Relaxed);
        self.last_kind.store(index as u64 + 1, Ordering::Relaxed);
    }

    pub(crate) fn live_changed(&self, count: usize) {
        self.live.store(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn pending_changed(&self, count: usize) {
        self.pending.store(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn handles_changed(&self, count: usize) {
        self.handles.store(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn stopped(&self, cause: Cause) {
        if let Some(counter) = self.stops.get(cause as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
