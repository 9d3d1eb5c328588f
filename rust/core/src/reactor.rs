//! The process-wide reactor: one multi-thread Tokio runtime for everything that is not V8. It never runs JavaScript and never takes
//! the GIL.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::room;

/// Started once and never dropped: its threads end with the process.
static REACTOR: OnceLock<Runtime> = OnceLock::new();

/// The reactor's handle, starting the reactor on first use.
///
/// # Errors
/// The operating system's, when it refuses the threads or descriptors.
pub fn handle() -> io::Result<&'static Handle> {
    if let Some(runtime) = REACTOR.get() {
        return Ok(runtime.handle());
    }
    room::for_reactor()?;
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("jsrun-reactor").on_thread_start(block_signals).enable_all().build()?;
    Ok(REACTOR.get_or_init(|| runtime).handle())
}

/// Worker threads of the reactor, and tasks on it; none before it is started.
pub(crate) fn load() -> (usize, usize) {
    REACTOR.get().map_or((0, 0), |runtime| (runtime.metrics().num_workers(), runtime.metrics().num_alive_tasks()))
}

/// Leaves signals to the host's threads: a signal that lands on ours would not interrupt the thread that waits.
pub fn block_signals() {
    // SAFETY: fills and applies a local signal set for this thread only.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut set);
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGPROF] {
            libc::sigdelset(&raw mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
