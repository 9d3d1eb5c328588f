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

/// Whether the process may have only so much address space: then it is not spent ahead of need.
#[cfg(unix)]
pub(super) fn is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills the structure it is given.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    told != 0 || limit.rlim_cur != libc::RLIM_INFINITY
}

/// Nothing to ask here.
#[cfg(not(unix))]
pub(super) fn is_limited() -> bool {
    false
}

/// Nothing to ask here.
#[cfg(not(unix))]
pub(super) fn check() -> io::Result<()> {
    Ok(())
}
