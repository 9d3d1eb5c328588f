//! Figures of the whole process: the isolates that live, and what the threads they share have to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::shared::Shared;
use super::{root, stock};
use crate::{completion, inspector, reactor};

static ISOLATES: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// The process at one moment.
#[derive(Debug, Default)]
pub struct Census {
    /// Isolates that live.
    pub isolates: usize,
    /// Their threads, and those that are about to end.
    pub isolate_threads: usize,
    /// Isolates made ahead of need, each with a thread.
    pub stocked: usize,
    /// Threads that start and serve isolates: the root and the reactor's.
    pub service_threads: usize,
    /// Tasks on the reactor: one watchdog per isolate, listeners, connections, timers of buffers.
    pub reactor_tasks: usize,
    /// Queues on which event loops and blocked threads get results and host calls.
    pub queues: usize,
    /// Requests and answers that isolates have not taken yet.
    pub messages: usize,
    /// Operations whose deadline the watchdogs wait for, or whose stop they see through.
    pub deadlines: usize,
    /// Addresses at which debuggers are listened for.
    pub listeners: usize,
    /// Debuggers that are connected.
    pub debuggers: usize,
    /// Bytes of buffers that are kept to be used again.
    pub spare_bytes: usize,
}

/// An isolate begins.
pub(super) fn enter(shared: &Arc<Shared>) {
    ISOLATES.lock().insert(shared.id, Arc::downgrade(shared));
}

/// It has freed everything.
pub(super) fn leave(id: u64) {
    ISOLATES.lock().remove(&id);
}

/// Counts. Waits for no isolate.
#[must_use]
pub fn census() -> Census {
    if root::is_forked() {
        // The parent's locks may be held by threads that do not exist here.
        return Census::default();
    }
    let living: Vec<_> = {
        let mut isolates = ISOLATES.lock();
        // Those that never got a thread leave without a word.
        isolates.retain(|_, isolate| isolate.strong_count() > 0);
        isolates.values().filter_map(Weak::upgrade).collect()
    };
    let (workers, reactor_tasks) = reactor::load();
    Census {
        isolates: living.len(),
        isolate_threads: root::live_isolates(),
        stocked: stock::waiting(),
        service_threads: usize::from(root::is_started()) + workers,
        reactor_tasks,
        queues: completion::open_queues(),
        messages: living.iter().map(|isolate| isolate.mail()).sum(),
        deadlines: living.iter().map(|isolate| isolate.watchdog.len()).sum(),
        listeners: inspector::listeners(),
        debuggers: living.iter().filter_map(|isolate| Some(isolate.target()?.sessions())).sum(),
        spare_bytes: living.iter().map(|isolate| isolate.spares.bytes() + isolate.stores.bytes()).sum(),
    }
}
