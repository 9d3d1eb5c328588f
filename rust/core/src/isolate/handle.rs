//! `Isolate`: the owning handle. Dropping it ends the isolate; everything else goes through [`Shared`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::message::InlineHost;
use super::root::Alive;
use super::shared::Shared;
use super::thread::Tenancy;
use super::{root, stock, thread};
use crate::config::Config;
use crate::error::Error;
use crate::reply::Ticket;
use crate::room::{self, Room};
use crate::value::HostFunction;

/// Owns one isolate and its thread.
#[derive(Debug)]
pub struct Isolate {
    shared: Arc<Shared>,
}

impl Isolate {
    /// Prepares an isolate; [`Isolate::start`] gives it its thread.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration V8 cannot take, [`Error::Forked`] in a forked child.
    pub fn new(config: Config, inline_host: Option<Arc<dyn InlineHost>>) -> Result<(Self, Start), Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if root::is_forked() {
            return Err(Error::Forked);
        }
        config.validate()?;
        let (shared, mailbox) = Shared::new(NEXT.fetch_add(1, Ordering::Relaxed), config, inline_host);
        let start = Start { shared: Arc::clone(&shared), mailbox, fetch: None };
        Ok((Self { shared }, start))
    }

    /// What other threads use.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// An isolate that has no thread yet.
#[derive(Debug)]
pub struct Start {
    shared: Arc<Shared>,
    mailbox: flume::Receiver<super::Message>,
    /// What answers JavaScript's `fetch`.
    fetch: Option<HostFunction>,
}

impl Start {
    /// Gives JavaScript `fetch` and what belongs to it, answered by `function`.
    #[must_use]
    pub fn with_fetch(self, function: HostFunction) -> Self {
        Self { fetch: Some(function), ..self }
    }

    /// Starts the thread. `ready` is answered when the isolate accepts work, or with the reason why it cannot.
    ///
    /// # Errors
    /// [`Error::Resource`] when the operating system refuses threads, descriptors or memory.
    pub fn start(self, ready: Arc<Ticket>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        self.try_start(ready).inspect_err(|_| shared.mark_finished())
    }

    fn try_start(self, ready: Arc<Ticket>) -> Result<(), Error> {
        let Self { shared, mailbox, fetch } = self;
        let (name, stack) = (format!("jsrun-iso-{}", shared.id), shared.config.max_stack);
        // Before anything starts that takes some of it. With an isolate made ahead there is no need, unless it cannot be had.
        let room = if stock::waiting() == 0 || room::is_limited() { Some(Room::take(root::live_isolates())?) } else { None };
        let reactor = crate::reactor::handle()?;
        reactor.spawn(crate::limits::watch_isolate(Arc::downgrade(&shared)));
        crate::inspector::offer(&shared)?;
        let tenancy = Tenancy { shared, mailbox, ready, fetch, alive: Alive::count() };
        let Err(tenancy) = stock::take(tenancy) else { return Ok(()) };
        Ok(root::start(name, Box::new(move || thread::body(tenancy, None, room)), stack)?)
    }
}
