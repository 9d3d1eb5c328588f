//! Async host calls that JavaScript awaits: found by call for its answer, and by operation for its end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deno_core::v8;

use super::State;
use crate::completion::Queue;
use crate::reply::{CallId, OpId};

/// An async host call that JavaScript awaits.
pub(crate) struct Expected {
    /// Resolves the promise JavaScript got.
    pub(crate) resolver: v8::Global<v8::PromiseResolver>,
    /// The operation that called, if it was alive.
    pub(crate) owner: Option<OpId>,
    /// Where the call went, to abandon it there.
    pub(crate) queue: Option<Arc<Queue>>,
    /// Its operation was stopped: the host was told to cancel it.
    pub(crate) abandoned: bool,
}

/// The calls in flight of one isolate.
#[derive(Default)]
pub(crate) struct Calls {
    expected: HashMap<CallId, Expected>,
    /// Ending an operation costs what it has in flight, not what everybody has.
    owned: BTreeSet<(OpId, CallId)>,
}

impl Calls {
    pub(crate) fn insert(&mut self, call: CallId, expected: Expected) {
        if let Some(owner) = expected.owner {
            self.owned.insert((owner, call));
        }
        self.expected.insert(call, expected);
    }

    /// Takes the call that is answered.
    pub(crate) fn remove(&mut self, call: CallId) -> Option<Expected> {
        let expected = self.expected.remove(&call)?;
        if let Some(owner) = expected.owner {
            self.owned.remove(&(owner, call));
        }
        Some(expected)
    }

    /// Nobody wants what `owner` has in flight; returns the calls, and where they went.
    pub(super) fn abandon(&mut self, owner: OpId) -> Vec<(Arc<Queue>, CallId)> {
        let Self { expected, owned } = self;
        let calls = owned.range((owner, CallId::MIN)..=(owner, CallId::MAX)).map(|(_, call)| *call);
        calls
            .filter_map(|call| {
                let expected = expected.get_mut(&call)?;
                expected.abandoned = true;
                Some((Arc::clone(expected.queue.as_ref()?), call))
            })
            .collect()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Expected> {
        self.expected.values()
    }

    /// Calls in flight.
    pub(crate) fn len(&self) -> usize {
        self.expected.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }
}

impl State {
    /// Publishes how many host calls are in flight, with those that are about to be.
    pub(crate) fn count_calls(&self, coming: usize) {
        let count = self.calls.borrow().len() + self.waiting.borrow().len() + coming;
        self.shared.counters.host_calls.store(count as u64, std::sync::atomic::Ordering::Relaxed);
    }
}
