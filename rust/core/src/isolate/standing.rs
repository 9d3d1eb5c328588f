//! How an isolate stands: whether it takes work, and if not, why.

use super::root;
use super::shared::Shared;
use crate::error::Error;
use crate::reply::{Cause, Ticket};

/// How an isolate stands, as seen from any thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It takes work.
    Open,
    /// It takes work, and runs it once V8 has left a built-in whose caller was released already.
    Draining,
    /// Its heap stays full: only closing is left.
    Condemned,
    /// It was terminated: only closing is left.
    Terminated,
    /// It was closed, or belongs to the process this one was forked from.
    Closed,
}

impl Standing {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Draining => "draining",
            Self::Condemned => "condemned",
            Self::Terminated => "terminated",
            Self::Closed => "closed",
        }
    }
}

impl Shared {
    /// How the isolate stands now.
    pub fn standing(&self) -> Standing {
        if self.is_closing() || root::is_forked() {
            return Standing::Closed;
        }
        match self.stopped() {
            Some(Cause::HeapLimit) => Standing::Condemned,
            Some(Cause::Closed) => Standing::Closed,
            Some(_) => Standing::Terminated,
            None if self.watchdog.is_draining() => Standing::Draining,
            None => Standing::Open,
        }
    }

    /// Why a request is not taken.
    pub(crate) fn refusal(&self, ticket: &Ticket, cause: Cause) -> Error {
        match cause {
            Cause::HeapLimit if self.is_stopped() => Error::HeapLimit { limit: self.config.max_heap_size, condemned: Some(true) },
            cause => ticket.error_for(cause, self.config.max_heap_size),
        }
    }
}
