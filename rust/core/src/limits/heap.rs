//! The heap limit: V8 asks shortly before it, gets head-room to unwind, and the running operation is stopped.

use std::ffi::c_void;
use std::rc::Rc;

use deno_core::v8;

use crate::engine::State;

/// Head-room granted for unwinding, in bytes of address space. V8 aborts the process when one allocation does not fit, and a built-in can ask
/// for gigabytes at once; the interrupt stops the code right after it.
const HEADROOM: usize = 4 << 30;
/// A heap that is fuller than all but this share of the limit after a collection is condemned.
const CONDEMNED_DIVISOR: usize = 4;

/// Installs the callback. `state` outlives the isolate's last use of it: see `Engine::dispose`.
pub(crate) fn watch_heap(isolate: &mut v8::Isolate, state: &Rc<State>) {
    isolate.add_near_heap_limit_callback(near_limit, Rc::as_ptr(state).cast_mut().cast());
    super::thrash::watch(isolate, state);
}

/// Takes the callback back: the state goes before the isolate.
pub(crate) fn unwatch_heap(isolate: &mut v8::Isolate, state: &Rc<State>) {
    super::thrash::unwatch(isolate, state);
    isolate.remove_near_heap_limit_callback(near_limit, 0);
}

unsafe extern "C" fn near_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: `data` is the state that `Engine` keeps alive as long as the isolate runs JavaScript; this is its thread.
    let state = unsafe { &*data.cast::<State>() };
    // SAFETY: the isolate of this thread, which is in the middle of this callback.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(state.isolate) };
    state.near_limit.set(true);
    if isolate.get_heap_statistics().used_heap_size() >= initial / 2 {
        state.heap_limit_reached();
    }
    state.shared.interrupt_now();
    current + HEADROOM
}

/// In the interrupt after the callback: V8 also asks when a buffer could not be allocated (JavaScript gets a `RangeError` for that), and
/// before one allocation that alone is larger than the heap. Only now can they be told apart.
pub(super) fn look_again(isolate: &mut v8::Isolate, state: &State) {
    if !state.near_limit.take() {
        return;
    }
    if isolate.get_heap_statistics().used_heap_size() > state.shared.config.max_heap_size {
        state.heap_limit_reached();
    } else {
        restore(isolate, state);
    }
}

/// Puts the limit back where it was.
fn restore(isolate: &mut v8::Isolate, state: &State) {
    isolate.remove_near_heap_limit_callback(near_limit, state.shared.config.max_heap_size);
    isolate.add_near_heap_limit_callback(near_limit, std::ptr::from_ref(state).cast_mut().cast());
}

/// After the stack is clear: collects, and puts the limit back where it was.
pub(crate) fn recover_heap(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    scope.low_memory_notification();
    restore(scope, state);
    let figures = scope.get_heap_statistics();
    state.shared.counters.heap(&figures);
    if figures.used_heap_size() > state.shared.config.max_heap_size / CONDEMNED_DIVISOR * (CONDEMNED_DIVISOR - 1) {
        // What filled the heap is still reachable: there is no room to work in.
        state.shared.condemn();
    }
}
