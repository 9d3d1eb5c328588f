//! A reference from the engine to an object of the host, by number. The host keeps the object; the last reference posts the number back.

use std::sync::Arc;

use crate::isolate::Shared;

/// Keeps one host object alive. Clones share it; the last drop, on any thread, posts the id to the host.
#[derive(Debug, Clone)]
pub struct HostRef(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Number in the host's table.
    id: u64,
    /// The isolate whose released list tells the host.
    owner: Arc<Shared>,
}

impl HostRef {
    /// Refers to the host's object `id`.
    #[must_use]
    pub fn new(id: u64, owner: Arc<Shared>) -> Self {
        Self(Arc::new(Inner { id, owner }))
    }

    /// The host's number for it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.owner.post_host_release(self.id);
    }
}
