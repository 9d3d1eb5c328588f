//! A heap that is nearly full and collected again and again: V8 goes on for minutes before it says that the limit is near. The operation is stopped as if
//! it had been reached.

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deno_core::v8;

use crate::engine::State;

/// Least share of the limit that is in use after a collection for it to count, in percent.
const FULL: usize = 60;
/// Full collections that must count, one after another.
const LEAST: u32 = 24;
/// How long they must have been going on.
const WINDOW: Duration = Duration::from_millis(250);
/// Longest distance between two of them on the average.
const PACE: Duration = Duration::from_millis(50);

/// The full collections that left little, one after another.
#[derive(Debug, Default)]
pub(crate) struct Thrash {
    first: Cell<Option<Instant>>,
    count: Cell<u32>,
}

impl Thrash {
    /// Another full collection ended; returns whether it is time to stop.
    fn collected(&self, used: usize, limit: usize) -> bool {
        if used < limit / 100 * FULL {
            self.forget();
            return false;
        }
        let first = self.first.get().unwrap_or_else(Instant::now);
        let count = self.count.get() + 1;
        self.first.set(Some(first));
        self.count.set(count);
        let lasted = first.elapsed();
        if lasted > PACE * count {
            // Far apart: the program has time for its own work.
            self.forget();
            return false;
        }
        count >= LEAST && lasted >= WINDOW
    }

    fn forget(&self) {
        self.first.set(None);
        self.count.set(0);
    }
}

/// Starts to look. `state` outlives the isolate's last use of it, as for the heap limit's callback.
pub(super) fn watch(isolate: &mut v8::Isolate, state: &Rc<State>) {
    isolate.add_gc_epilogue_callback(on_collected, Rc::as_ptr(state).cast_mut().cast(), v8::GCType::kGCTypeMarkSweepCompact);
}

/// Stops to look: the state goes before the isolate.
pub(super) fn unwatch(isolate: &mut v8::Isolate, state: &Rc<State>) {
    isolate.remove_gc_epilogue_callback(on_collected, Rc::as_ptr(state).cast_mut().cast());
}

unsafe extern "C" fn on_collected(_: v8::UnsafeRawIsolatePtr, _: v8::GCType, _: v8::GCCallbackFlags, data: *mut c_void) {
    // SAFETY: `data` is the state that `Engine` keeps alive until `unwatch`; this is its thread.
    let state = unsafe { &*data.cast::<State>() };
    // SAFETY: the isolate of this thread, which is in the middle of this callback.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(state.isolate) };
    let figures = isolate.get_heap_statistics();
    state.shared.counters.heap(&figures);
    if state.thrash.collected(figures.used_heap_size(), state.shared.config.max_heap_size) {
        state.thrash.forget();
        state.heap_limit_reached();
        state.shared.interrupt_now();
    }
}
