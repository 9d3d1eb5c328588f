//! Whether the operating system has room for what is about to start. It is asked before, because V8 ends the process where it gets no
//! thread, address space or mapping, and Tokio panics.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

#[cfg(unix)]
use crate::completion::Wake;

/// What V8 reserves for one isolate, in bytes: code range, first pages of the heap, and the thread's stack, with some room to run.
#[cfg(unix)]
const ISOLATE_SPACE: usize = 1 << 30;

/// What V8 reserves for all isolates, in bytes: twice the cage of its C++ heap, to align it, and the stacks of its workers.
#[cfg(unix)]
const V8_SPACE: usize = 34 << 30;

/// Mappings that one isolate takes while it starts.
#[cfg(target_os = "linux")]
const ISOLATE_MAPPINGS: usize = 16;

/// Most workers of V8's platform, as deno_core starts it.
const V8_WORKERS: usize = 4;

/// Descriptors that Tokio opens for a runtime: an epoll, an event, a pair of sockets for signals, and copies of them.
#[cfg(unix)]
const REACTOR_DESCRIPTORS: usize = 8;

/// Isolates that start now: what they take is not taken yet.
static STARTING: AtomicUsize = AtomicUsize::new(0);

/// Room for one isolate, kept until it has started.
#[derive(Debug)]
pub(crate) struct Room(());

impl Room {
    /// Asks for room beside `alive` isolates.
    ///
    /// # Errors
    /// What the operating system says when there is not enough: a limit of the process, usually.
    pub(crate) fn take(alive: usize) -> io::Result<Self> {
        let starting = STARTING.fetch_add(1, Ordering::AcqRel) + 1;
        let room = Self(());
        Mappings::are_there(alive, starting)?;
        has_space(ISOLATE_SPACE.saturating_mul(starting))?;
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        STARTING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether the process may have only so much address space: then it is not spent ahead of need.
#[cfg(unix)]
pub(crate) fn is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills the structure it is given.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    told != 0 || limit.rlim_cur != libc::RLIM_INFINITY
}

/// Nothing to ask here.
#[cfg(not(unix))]
pub(crate) fn is_limited() -> bool {
    false
}

/// Whether V8 can start: its workers, the thread they descend from, and one isolate.
///
/// # Errors
/// What the operating system says.
pub(crate) fn for_v8() -> io::Result<()> {
    let workers = std::thread::available_parallelism().map_or(V8_WORKERS, |cores| cores.get().min(V8_WORKERS));
    has_space(V8_SPACE)?;
    has_threads(workers + 2)
}

/// Whether the reactor can start.
///
/// # Errors
/// What the operating system says.
pub(crate) fn for_reactor() -> io::Result<()> {
    has_descriptors()?;
    has_threads(1)
}

/// Starts that many threads, which end when all of them are there.
fn has_threads(count: usize) -> io::Result<()> {
    let (gate, closed) = flume::bounded::<()>(0);
    let mut threads = Vec::with_capacity(count);
    let mut result = Ok(());
    for _ in 0..count {
        let closed = closed.clone();
        let wait = move || {
            crate::reactor::block_signals();
            let _ = closed.recv();
        };
        match std::thread::Builder::new().name("jsrun-room".into()).spawn(wait) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    drop(gate);
    for thread in threads {
        // It does nothing that could panic.
        let _ = thread.join();
    }
    result
}

/// Reserves that much address space and gives it back.
#[cfg(unix)]
fn has_space(bytes: usize) -> io::Result<()> {
    reserve(bytes).map(drop)
}

#[cfg(not(unix))]
fn has_space(_: usize) -> io::Result<()> {
    Ok(())
}

/// Opens the descriptors of the reactor and closes them; none of a file, which this process may not be allowed to open.
#[cfg(unix)]
fn has_descriptors() -> io::Result<()> {
    let opened: io::Result<Vec<_>> = (0..REACTOR_DESCRIPTORS).map(|_| Wake::new()).collect();
    opened.map(drop)
}

#[cfg(not(unix))]
fn has_descriptors() -> io::Result<()> {
    Ok(())
}

/// Bytes of a page of memory.
#[cfg(target_os = "linux")]
pub(crate) fn page_size() -> usize {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Whether the process may have the mappings of those that start, and one for each that is alive, so that their heaps can grow. Splits one
/// mapping into as many, because counting those that exist would take longer. Where few isolates are alive a few must do.
#[cfg(target_os = "linux")]
fn has_mappings(alive: usize, starting: usize) -> io::Result<()> {
    const FEW: usize = 1024;
    let wanted = if alive < FEW { 4 * ISOLATE_MAPPINGS } else { alive + ISOLATE_MAPPINGS * (starting + 3) };
    let page = page_size();
    let space = reserve(wanted * page)?;
    for at in (0..wanted).step_by(2) {
        // SAFETY: a page of our own reservation, which nobody else knows of.
        let split = unsafe { libc::mprotect(space.address.cast::<u8>().add(at * page).cast(), page, libc::PROT_READ) };
        if split != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// What was found of mappings the last time.
struct Mappings {
    at: Instant,
    /// Isolates that were alive, and those that would have had room beside them.
    enough_for: usize,
}

impl Mappings {
    /// As [`has_mappings`], which is not asked again at once where runtimes follow each other: splitting a mapping stops the whole process for a moment.
    fn are_there(alive: usize, starting: usize) -> io::Result<()> {
        /// How long what was found stays so. Programs take mappings by the thousand, but not in between two of their own runtimes.
        const FRESH: Duration = Duration::from_millis(20);
        /// Beside those that are alive, at least, as far as [`has_mappings`] looked.
        const BESIDE: usize = 3;
        static LAST: Mutex<Option<Mappings>> = Mutex::new(None);
        let known = LAST.lock().as_ref().is_some_and(|last| last.at.elapsed() < FRESH && alive + starting <= last.enough_for);
        if known {
            return Ok(());
        }
        has_mappings(alive, starting)?;
        *LAST.lock() = Some(Self { at: Instant::now(), enough_for: alive + BESIDE });
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
fn has_mappings(_: usize, _: usize) -> io::Result<()> {
    Ok(())
}

/// Address space of our own, without access; given back when dropped.
#[cfg(unix)]
struct Reserved {
    address: *mut libc::c_void,
    bytes: usize,
}

#[cfg(unix)]
fn reserve(bytes: usize) -> io::Result<Reserved> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(Reserved { address, bytes })
}

#[cfg(unix)]
impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: our own reservation, of which nothing is kept.
        unsafe { libc::munmap(self.address, self.bytes) };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Room, STARTING, for_reactor, for_v8, has_space, has_threads};
    use std::sync::atomic::Ordering;

    use parking_lot::Mutex;

    /// Held by tests that start an isolate, or count those that start.
    pub(crate) static STARTS: Mutex<()> = Mutex::new(());

    #[test]
    fn there_is_room_here_and_it_is_given_back() {
        let _alone = STARTS.lock();
        let room = Room::take(0).expect("room for one");
        assert_eq!(STARTING.load(Ordering::Acquire), 1);
        drop(room);
        assert_eq!(STARTING.load(Ordering::Acquire), 0);
        for_reactor().and_then(|()| for_v8()).and_then(|()| has_threads(3)).expect("room to start");
        Room::take(2000).expect("mappings for two thousand");
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert!(has_space(usize::MAX / 2).is_err());
        let _alone = STARTS.lock();
        assert!(Room::take(1 << 40).is_err());
    }
}
