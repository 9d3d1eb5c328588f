//! The one interrupt. It never names a victim: on the isolate's thread it looks whether what runs now must stop, so that an interrupt that
//! comes too late stops nothing.

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::{Rc, Weak};

use deno_core::v8;

use crate::engine::State;
use crate::inspector;

thread_local! {
    /// The state of the isolate on this thread: there is at most one.
    static CURRENT: RefCell<Weak<State>> = const { RefCell::new(Weak::new()) };
}

/// Makes `state` the one that interrupts on this thread look at.
pub(crate) fn remember_state(state: &Rc<State>) {
    CURRENT.with(|current| *current.borrow_mut() = Rc::downgrade(state));
}

/// Interrupts on this thread find nothing any more.
pub(crate) fn forget_state() {
    CURRENT.with(|current| *current.borrow_mut() = Weak::new());
}

/// Asks the isolate to look, from any thread.
pub(crate) fn fire(handle: &v8::IsolateHandle) {
    handle.request_interrupt(on_interrupt, std::ptr::null_mut());
}

/// V8 calls this on the isolate's thread, between two steps of JavaScript.
unsafe extern "C" fn on_interrupt(isolate: v8::UnsafeRawIsolatePtr, _: *mut c_void) {
    let Some(state) = CURRENT.with(|current| current.borrow().upgrade()) else { return };
    // SAFETY: V8 passes the isolate that runs on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    super::heap::look_again(&mut isolate, &state);
    state.shared.inbox.interrupt_taken();
    let stop = {
        v8::scope_with_context!(let scope, &mut isolate, &state.context);
        state.blame(scope);
        // What a debugger wants may be to stop it.
        state.should_terminate(scope) || {
            inspector::interrupted(scope, &state);
            state.should_terminate(scope)
        }
    };
    super::runaway::reached(stop);
    if stop {
        state.terminate(&mut isolate);
    }
}
