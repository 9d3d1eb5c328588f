//! What closed isolates leave behind: memory that the C library keeps for the threads to come, one arena each, and gives back only if asked.

use std::time::Duration;

/// So many isolates must have ended before it is worth asking: each leaves about a megabyte.
pub(super) const MANY: usize = 64;

/// How long none may have come or gone: as long as they do, what is kept is used again.
pub(super) const REST: Duration = Duration::from_secs(5);

/// Has the C library give back what is free, on a thread of its own: it takes a while, and holds each arena's lock meanwhile.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    let trim = || {
        crate::reactor::block_signals();
        // SAFETY: touches free memory of the allocator only, under its own locks.
        unsafe { libc::malloc_trim(0) };
    };
    // Without a thread the memory stays where it is, until the next time.
    let _ = std::thread::Builder::new().name("jsrun-trim".into()).spawn(trim);
}

/// Only glibc can be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back() {}
