//! Formatting for the console, which is deno_web's and not JavaScript: an interrupt reaches it where it calls JavaScript, and there are values of which
//! it formats no part that way (an error whose `stack` is a tree of empty arrays). A thread that is past all stops in there is put to sleep.

use std::cell::Cell;
use std::ffi::c_void;
use std::time::{Duration, Instant};

use deno_core::v8;

use crate::engine::State;
use crate::reply::Cause;

/// How long it may go on after a stop. What can be stopped takes less.
const PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether this thread's isolate is in there.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Since when there is something to stop, and no interrupt found that it is another operation. They come every few milliseconds.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// JavaScript was interrupted, and must stop or need not.
pub(super) fn reached(stop: bool) {
    if !stop {
        SINCE.set(None);
    }
}

/// Whether the isolate is in there already.
pub(crate) fn is_inside() -> bool {
    INSIDE.get()
}

/// Runs `format`, which goes in there.
pub(crate) fn inside<'s, T>(scope: &mut v8::PinScope<'s, '_>, state: &State, format: impl FnOnce(&mut v8::PinScope<'s, '_>) -> T) -> T {
    if is_inside() {
        return format(scope);
    }
    let data = std::ptr::from_ref(state).cast_mut().cast();
    INSIDE.set(true);
    SINCE.set(None);
    // What it makes of a value takes memory, and so it never goes on for long without a collection.
    scope.add_gc_epilogue_callback(on_collected, data, v8::GCType::kGCTypeAll);
    let result = format(scope);
    scope.remove_gc_epilogue_callback(on_collected, data);
    INSIDE.set(false);
    result
}

unsafe extern "C" fn on_collected(_: v8::UnsafeRawIsolatePtr, _: v8::GCType, _: v8::GCCallbackFlags, data: *mut c_void) {
    // SAFETY: `data` is the state that the caller of `inside` borrows; this is its thread.
    let state = unsafe { &*data.cast::<State>() };
    let shared = &state.shared;
    if !shared.is_past_stop() {
        return SINCE.set(None);
    }
    let since = SINCE.get().unwrap_or_else(Instant::now);
    SINCE.set(Some(since));
    if since.elapsed() < PATIENCE {
        return;
    }
    // It would fill the memory. All who wait are answered, and who closes it waits for nothing; its thread, its heap and its room are lost.
    shared.terminate();
    state.end_all(Cause::Terminated);
    shared.mark_finished();
    loop {
        std::thread::park();
    }
}
