//! Isolates made ahead of need. Where a process makes one runtime after another, the next isolates are started on threads of their own while the last
//! one works, and a new runtime moves into one of them. Nothing is made for a process that makes one runtime, and what nobody wants is freed.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::apart::go_apart;
use super::root;
use super::thread::{self, Tenancy};
use crate::config::Config;
use crate::engine::{Blank, Footing};
use crate::reactor;
use crate::room::{self, Room};
use crate::spin::processors;

/// Two runtimes made within this time are a sign of more to come.
const PACE: Duration = Duration::from_secs(1);
/// How long isolates are kept that nobody wants.
const REST: Duration = Duration::from_secs(3);
/// The shortest wait before a look at whether isolates are wanted.
const FLOOR: Duration = Duration::from_secs(1);
/// How long none is made after one that needs V8 for itself.
const PAUSE: Duration = Duration::from_secs(10);
/// Isolates that wait at most, where there are cores to make them on.
const MOST: usize = 2;

static STOCK: Mutex<Stock> =
    Mutex::new(Stock { ready: VecDeque::new(), wanted: None, follows: false, coming: 0, paused: None, swept: false });

struct Stock {
    /// The oldest first.
    ready: VecDeque<Waiting>,
    /// When a runtime was made last.
    wanted: Option<Instant>,
    /// Whether that one followed another.
    follows: bool,
    /// Isolates that are about to be started.
    coming: usize,
    /// Until when none is made.
    paused: Option<Instant>,
    /// Somebody is to come and free what nobody wants.
    swept: bool,
}

/// An isolate that is ready, or about to be.
struct Waiting {
    footing: Footing,
    /// What came of its thread.
    started: flume::Receiver<io::Result<()>>,
    /// Hands it to a tenant. Dropped, the isolate ends.
    hand: flume::Sender<Tenancy>,
    /// Disconnected when the isolate has ended.
    ended: flume::Receiver<()>,
}

/// Gives `tenancy` an isolate that was made ahead, or gives it back. Its thread calls [`restock`] when the isolate is there.
pub(super) fn take(mut tenancy: Tenancy) -> Result<(), Tenancy> {
    let config = &tenancy.shared.config;
    if room::is_limited() {
        // V8 would end the process if an isolate were freed now, and what is here may have been made with more room.
        return Err(tenancy);
    }
    if !is_ordinary(config) {
        yield_to_user();
        return Err(tenancy);
    }
    let footing = Footing::of(config);
    {
        let mut stock = STOCK.lock();
        let now = Instant::now();
        stock.follows = stock.wanted.replace(now).is_some_and(|before| now - before < PACE);
    }
    loop {
        let found = {
            let mut stock = STOCK.lock();
            let at = stock.ready.iter().position(|waiting| waiting.footing == footing);
            at.and_then(|at| stock.ready.remove(at))
        };
        let Some(waiting) = found else { return Err(tenancy) };
        // Without a thread nobody would take what is handed over, nor say so.
        if !matches!(waiting.started.recv(), Ok(Ok(()))) {
            continue;
        }
        match waiting.hand.send(tenancy) {
            Ok(()) => return Ok(()),
            Err(flume::SendError(back)) => tenancy = back,
        }
    }
}

/// Isolates that wait for a tenant.
pub(super) fn waiting() -> usize {
    STOCK.lock().ready.len()
}

/// Whether the isolate starts from the built-in snapshot, and need not have V8's shared heap for itself.
fn is_ordinary(config: &Config) -> bool {
    config.snapshot.is_none() && !config.recording
}

/// Makes isolates if runtimes follow each other. Not before the one that is wanted is there: it needs the processors first.
pub(super) fn restock(config: &Config) {
    if !is_ordinary(config) || room::is_limited() {
        return;
    }
    let footing = Footing::of(config);
    let missing = {
        let mut stock = STOCK.lock();
        if !stock.follows || stock.paused.is_some_and(|until| Instant::now() < until) {
            return;
        }
        stock.ready.retain(|waiting| waiting.footing == footing);
        let missing = most().saturating_sub(stock.ready.len() + stock.coming);
        stock.coming += missing;
        missing
    };
    if missing == 0 {
        return;
    }
    for _ in 0..missing {
        let waiting = prepare(footing);
        let mut stock = STOCK.lock();
        stock.coming -= 1;
        // A user's snapshot may have come meanwhile: without a tenant the isolate ends.
        if stock.paused.is_none_or(|until| Instant::now() >= until) {
            stock.ready.extend(waiting);
        }
    }
    sweep_later();
}

fn most() -> usize {
    processors().min(MOST)
}

/// Starts an isolate that waits for its tenant.
fn prepare(footing: Footing) -> Option<Waiting> {
    let (hand, tenant) = flume::bounded(1);
    let (alive, ended) = flume::bounded(1);
    let job = move || {
        let _alive = alive;
        wait(&footing, &tenant);
    };
    let started = root::begin("jsrun-spare".into(), Box::new(job), footing.max_stack).ok()?;
    Some(Waiting { footing, started, hand, ended })
}

/// The thread of an isolate made ahead.
fn wait(footing: &Footing, tenant: &flume::Receiver<Tenancy>) {
    let make = || {
        let _room = Room::take(root::live_isolates()).ok()?;
        let _place = go_apart();
        Blank::ordinary(footing).ok()
    };
    let blank = catch_unwind(AssertUnwindSafe(make)).unwrap_or_default();
    let Ok(tenancy) = tenant.recv() else { return };
    rename(tenancy.shared.id);
    // Without the isolate its own thread makes another, and says what stands in the way.
    thread::body(tenancy, blank, None);
}

/// Gives this thread the name that an isolate's has.
fn rename(number: u64) {
    #[cfg(target_os = "linux")]
    {
        let name = format!("jsrun-iso-{number}\0");
        // SAFETY: a string that ends in NUL, for this thread.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = number;
}

/// Frees what waits, and makes nothing for a while: isolates of one process share a heap, and one with a snapshot of a user's brings another.
fn yield_to_user() {
    let waiting = {
        let mut stock = STOCK.lock();
        stock.paused = Some(Instant::now() + PAUSE);
        std::mem::take(&mut stock.ready)
    };
    for Waiting { hand, ended, .. } in waiting {
        drop(hand);
        let _ = ended.recv();
    }
}

/// Comes back when nobody wanted an isolate for a while, and frees what is left.
fn sweep_later() {
    if std::mem::replace(&mut STOCK.lock().swept, true) {
        return;
    }
    let Ok(reactor) = reactor::handle() else {
        let mut stock = STOCK.lock();
        stock.swept = false;
        stock.ready.clear();
        return;
    };
    reactor.spawn(async {
        loop {
            let since = STOCK.lock().wanted;
            let due = since.map_or_else(Instant::now, |since| since + REST).max(Instant::now() + FLOOR);
            tokio::time::sleep_until(due.into()).await;
            let mut stock = STOCK.lock();
            if stock.wanted == since && !room::is_limited() {
                stock.swept = false;
                stock.ready.clear();
                return;
            }
        }
    });
}
