//! The v8-root thread: initialises the platform, starts every isolate thread, hears of their ends, never ends.
//!
//! V8 protects its code pages with memory keys that only descendants of the initialising thread hold, so no isolate may be started
//! from anywhere else.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deno_core::JsRuntime;
use flume::RecvTimeoutError;

use super::leavings;
use super::v8_flags::V8_FLAGS;
use crate::reactor::block_signals;
use crate::room;

type Job = Box<dyn FnOnce() + Send>;

/// What the root is told.
enum Order {
    /// A thread to start.
    Start { name: String, job: Job, stack: usize, started: flume::Sender<io::Result<()>> },
    /// A thread it started has ended.
    Ended,
}

static ROOT: OnceLock<flume::Sender<Order>> = OnceLock::new();
static FORKED: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Stack of an isolate's thread below JavaScript's part, for conversions and host calls. Pages are used on demand.
const BELOW: usize = 7 << 20;

/// Whether this process is a forked child of the one that started V8.
#[must_use]
pub fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Whether V8 was started.
pub(super) fn is_started() -> bool {
    ROOT.get().is_some()
}

/// V8's version.
#[must_use]
pub fn v8_version() -> &'static str {
    deno_core::v8::VERSION_STRING
}

/// Counts an isolate that is somebody's.
pub(super) struct Alive(());

impl Alive {
    pub(super) fn count() -> Self {
        LIVE.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Isolates alive in this process.
#[must_use]
pub fn live_isolates() -> usize {
    LIVE.load(Ordering::Acquire)
}

extern "C" fn after_fork_in_child() {
    FORKED.store(true, Ordering::Relaxed);
}

fn root() -> io::Result<&'static flume::Sender<Order>> {
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    static STARTING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    let _one = STARTING.lock();
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    room::for_v8()?;
    let (sender, receiver) = flume::unbounded::<Order>();
    let orders = sender.clone();
    std::thread::Builder::new().name("jsrun-v8-root".into()).spawn(move || {
        block_signals();
        // Before any runtime, so that snapshot building never puts V8 in its predictable mode.
        deno_core::v8::V8::set_flags_from_string(V8_FLAGS);
        deno_core::v8::V8::set_entropy_source(entropy);
        JsRuntime::init_platform(None);
        serve(&receiver, &orders);
    })?;
    // SAFETY: registers a handler that only stores to an atomic.
    unsafe { libc::pthread_atfork(None, None, Some(after_fork_in_child)) };
    Ok(ROOT.get_or_init(|| sender))
}

/// Where V8's random numbers begin. It would open a file for it, several times for each isolate.
fn entropy(bytes: &mut [u8]) -> bool {
    getrandom::fill(bytes).is_ok()
}

/// The root's life: starts threads, and tidies up when many have ended.
fn serve(receiver: &flume::Receiver<Order>, orders: &flume::Sender<Order>) {
    let mut ended = 0;
    loop {
        let order = if ended < leavings::MANY {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            receiver.recv_timeout(leavings::REST)
        };
        match order {
            Ok(Order::Start { name, job, stack, started }) => {
                let _ = started.send(spawn(name, job, stack, orders.clone()));
            }
            Ok(Order::Ended) => ended += 1,
            Err(RecvTimeoutError::Timeout) => {
                leavings::give_back();
                ended = 0;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn spawn(name: String, job: Job, stack: usize, orders: flume::Sender<Order>) -> io::Result<()> {
    let run = move || {
        job();
        let _ = orders.send(Order::Ended);
    };
    std::thread::Builder::new().name(name).stack_size(BELOW + stack).spawn(run).map(drop)
}

/// Starts `job` on a new thread below the root, with that much stack for JavaScript.
pub(super) fn start(name: String, job: Job, stack: usize) -> io::Result<()> {
    begin(name, job, stack)?.recv().map_err(|_| lost())?
}

/// The same without waiting: what comes of it is told later.
pub(super) fn begin(name: String, job: Job, stack: usize) -> io::Result<flume::Receiver<io::Result<()>>> {
    let (started, answer) = flume::bounded(1);
    root()?.send(Order::Start { name, job, stack, started }).map_err(|_| lost())?;
    Ok(answer)
}

fn lost() -> io::Error {
    io::Error::other("the v8-root thread is gone")
}
