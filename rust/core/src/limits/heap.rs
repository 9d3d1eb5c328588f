//! The heap limit: V8 asks shortly before it, gets head-room to unwind, and the running operation is stopped.

use std::ffi::c_void;
use std::rc::Rc;

use deno_core::v8;

use crate::engine::State;

/// Head-room granted for unwinding, as a share of the limit and at least.
const HEADROOM_DIVISOR: usize = 4;
/// A heap that is fuller than all but this share of the limit after a collection is condemned.
const CONDEMNED_DIVISOR: usize = 4;
/// Smallest head-room in bytes.
const HEADROOM_LEAST: usize = 16 << 20;

/// Installs the callback. `state` outlives the isolate's last use of it: see `Engine::dispose`.
pub(crate) fn watch_heap(isolate: &mut v8::Isolate, state: &Rc<State>) {
    isolate.add_near_heap_limit_callback(near_limit, Rc::as_ptr(state).cast_mut().cast());
}

unsafe extern "C" fn near_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: `data` is the state that `Engine` keeps alive as long as the isolate runs JavaScript; this is its thread.
    let state = unsafe { &*data.cast::<State>() };
    // SAFETY: the isolate of this thread, which is in the middle of this callback.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(state.isolate) };
    if isolate.get_heap_statistics().used_heap_size() < initial / 2 {
        // V8 also asks when a buffer could not be allocated. JavaScript gets a RangeError for that; the heap has room.
        return current + HEADROOM_LEAST / 16;
    }
    state.heap_limit_reached();
    state.shared.interrupt_now();
    current + (initial / HEADROOM_DIVISOR).max(HEADROOM_LEAST)
}

/// After the stack is clear: collects, and puts the limit back where it was.
pub(crate) fn recover_heap(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    scope.low_memory_notification();
    scope.remove_near_heap_limit_callback(near_limit, state.shared.config.max_heap_size);
    scope.add_near_heap_limit_callback(near_limit, std::ptr::from_ref(state).cast_mut().cast());
    let figures = scope.get_heap_statistics();
    state.shared.counters.heap(&figures);
    if figures.used_heap_size() > state.shared.config.max_heap_size / CONDEMNED_DIVISOR * (CONDEMNED_DIVISOR - 1) {
        // What filled the heap is still reachable: there is no room to work in.
        state.shared.condemn();
    }
}
