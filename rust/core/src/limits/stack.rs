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

/// Gives back what this thread's stack took deeper than here, of the `size` bytes below: nothing lives there.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "other kernels keep it"))]
#[inline(never)]
pub(crate) fn release_stack(size: usize) {
    #[cfg(target_os = "linux")]
    {
        /// Used again at once: by this function, the next one's frames, and whatever signal comes.
        const KEPT: usize = 16 << 10;
        let here = 0_u8;
        let here = std::ptr::from_ref(&here);
        let page = crate::room::page_size();
        let end = (here.addr() - KEPT) / page * page;
        let whole = size.saturating_sub(KEPT) / page * page;
        // SAFETY: whole pages of this thread's own stack, below every frame; the thread has more of it than `size` from here.
        unsafe { libc::madvise(here.with_addr(end - whole).cast_mut().cast(), whole, libc::MADV_DONTNEED) };
    }
}
