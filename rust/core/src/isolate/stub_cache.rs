//! The tables in which V8's inline caches look up what is at a place of many shapes. Every isolate has three, of 120 KiB, and V8 writes "nothing" into
//! each of their entries when it makes them and in each full collection, so that all their pages are in memory though few programs ever use them.
//! An entry of zeros says the same: no name and no shape is at address zero. The linker puts these functions in front of V8's (`build/link_flags.rs`), and
//! they give the pages back to the kernel, which zeroes them when they are used.

/// V8's `StubCache`: 4096 and 1024 entries of a name, a handler and a shape; its isolate comes after them.
#[cfg(jsrun_v8_hooks)]
const TABLES: usize = (4096 + 1024) * 3 * size_of::<usize>();

/// Caches that were made empty this way.
#[cfg(all(test, jsrun_v8_hooks))]
pub(super) static MADE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
mod hooks {
    //! What V8 calls, and what it would have called.

    use std::ffi::c_void;

    use super::super::apart::give_way;
    use super::{TABLES, empty, gives_zeroes};

    unsafe extern "C" {
        fn __real__ZN2v88internal9StubCache10InitializeEv(cache: *mut c_void);
        fn __real__ZN2v88internal9StubCache5ClearEv(cache: *mut c_void);
    }

    /// Whether `cache` is what this file was written for: V8 allocates the object by itself.
    fn is_known(cache: *mut c_void) -> bool {
        if !gives_zeroes() {
            return false;
        }
        // SAFETY: V8 makes these objects with `new`, which is `malloc` here.
        let size = unsafe { libc::malloc_usable_size(cache) };
        (TABLES + size_of::<usize>()..TABLES + 64).contains(&size)
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal9StubCache10InitializeEv(cache: *mut c_void) {
        give_way();
        if is_known(cache) {
            #[cfg(test)]
            super::MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // SAFETY: the tables of a cache that is made on this thread.
            unsafe { empty(cache.cast()) }
        } else {
            // SAFETY: V8's own argument, handed on.
            unsafe { __real__ZN2v88internal9StubCache10InitializeEv(cache) }
        }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap__ZN2v88internal9StubCache5ClearEv(cache: *mut c_void) {
        if is_known(cache) {
            // SAFETY: the tables of a cache whose isolate stands still, on this thread.
            unsafe { empty(cache.cast()) }
        } else {
            // SAFETY: V8's own argument, handed on.
            unsafe { __real__ZN2v88internal9StubCache5ClearEv(cache) }
        }
    }
}

/// Whether memory of `malloc`'s is zero after it was given back. It is on Linux, but not where `malloc` takes huge pages, or under some emulators.
#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
fn gives_zeroes() -> bool {
    static ANSWER: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let mut trial = vec![1_u8; TABLES];
        // SAFETY: memory of this function's, from `malloc`.
        unsafe { empty(trial.as_mut_ptr()) };
        trial.iter().all(|byte| std::hint::black_box(*byte) == 0)
    });
    *ANSWER
}

/// Zeroes the tables that begin at `tables`.
///
/// # Safety
///
/// `TABLES` bytes that nobody else uses meanwhile, in memory of `malloc`'s.
#[cfg(all(target_os = "linux", jsrun_v8_hooks))]
unsafe fn empty(tables: *mut u8) {
    let page = crate::room::page_size();
    let before = tables.align_offset(page).min(TABLES);
    let whole = (TABLES - before) / page * page;
    // SAFETY: whole pages within the tables; private memory of nobody's is zero afterwards.
    let given = whole == 0 || unsafe { libc::madvise(tables.add(before).cast(), whole, libc::MADV_DONTNEED) } == 0;
    let kept = if given { whole } else { 0 };
    // SAFETY: the caller's promise; what lies before and behind the pages that were given back.
    unsafe {
        tables.write_bytes(0, before);
        tables.add(before + kept).write_bytes(0, TABLES - before - kept);
    }
}
