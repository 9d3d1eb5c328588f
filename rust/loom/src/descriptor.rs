//! An eventfd as the model has it: readable or not, and a thread can sleep until it is. It counts how often it was written and cleared.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use crate::completion::handover::{Handover, Signal};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) readable: bool,
    pub(crate) signals: usize,
    pub(crate) clears: usize,
}

#[derive(Debug)]
pub(crate) struct Descriptor {
    state: Mutex<Counts>,
    turned: Condvar,
}

impl Descriptor {
    /// Sleeps until it is readable. If nobody ever writes it, loom reports the deadlock.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        while !state.readable {
            state = self.turned.wait(state).unwrap();
        }
        true
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.state.lock().unwrap()
    }
}

impl Signal for Descriptor {
    fn signal(&self) {
        let mut state = self.state.lock().unwrap();
        state.readable = true;
        state.signals += 1;
        drop(state);
        self.turned.notify_all();
    }

    fn clear(&self) {
        let mut state = self.state.lock().unwrap();
        state.readable = false;
        state.clears += 1;
    }
}

pub(crate) type Queue = Handover<u32, Descriptor>;

pub(crate) fn queue() -> Arc<Queue> {
    Arc::new(Handover::new(Descriptor { state: Mutex::new(Counts::default()), turned: Condvar::new() }))
}

/// Runs `body` in every order of its threads, with at most `switches` of them by force where that is given.
pub(crate) fn explore(switches: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = switches;
    model.check(body);
}

/// A thread that pushes these items, one after the other, and returns those that were refused.
pub(crate) fn producer(queue: &Arc<Queue>, items: impl IntoIterator<Item = u32> + Send + 'static) -> loom::thread::JoinHandle<Vec<u32>> {
    let queue = Arc::clone(queue);
    loom::thread::spawn(move || items.into_iter().filter_map(|item| queue.push(item).err()).collect())
}
