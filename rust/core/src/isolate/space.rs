//! Address space for a new isolate: V8 aborts the process where it cannot reserve what it starts with, so it is asked for before.

use std::io;

/// What V8 reserves for one isolate, in bytes: code range, first pages of the heap, and the thread's stack, with some room to run.
#[cfg(unix)]
const NEEDED: usize = 1 << 30;

/// Reserves that much and gives it back.
///
/// # Errors
/// What the operating system says when there is not enough: a limit of the process (`RLIMIT_AS`), usually.
#[cfg(unix)]
pub(super) fn check() -> io::Result<()> {
    // SAFETY: a fresh anonymous mapping without access, of which nothing is kept.
    unsafe {
        let space =
            libc::mmap(std::ptr::null_mut(), NEEDED, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE, -1, 0);
        if space == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::munmap(space, NEEDED);
    }
    Ok(())
}

/// Nothing to ask here.
#[cfg(not(unix))]
pub(super) fn check() -> io::Result<()> {
    Ok(())
}
