//! How much of its thread's stack JavaScript may take. V8's default is one figure for the process; each isolate is told its own.

use deno_core::v8;

#[cfg(not(target_env = "msvc"))]
unsafe extern "C" {
    // `void v8::Isolate::SetStackLimit(uintptr_t)`, which the `v8` crate does not bind. The limit that can be said when an isolate is made is
    // overwritten while V8 makes it.
    #[link_name = "_ZN2v87Isolate13SetStackLimitEm"]
    fn v8_isolate_set_stack_limit(isolate: v8::UnsafeRawIsolatePtr, limit: usize);
}

/// Ends JavaScript's part of this thread's stack `size` bytes from here. The isolate stays on this thread, which has more than that.
#[cfg_attr(target_env = "msvc", allow(unused_variables, reason = "cannot be linked here: V8's default stays"))]
pub(crate) fn limit_stack(isolate: &mut v8::Isolate, size: usize) {
    #[cfg(not(target_env = "msvc"))]
    {
        let here = 0_u8;
        let limit = std::ptr::from_ref(&here).addr().saturating_sub(size);
        // SAFETY: the isolate is live and this thread's; the limit is an address of its stack.
        unsafe { v8_isolate_set_stack_limit(isolate.as_raw_isolate_ptr(), limit) };
    }
}
