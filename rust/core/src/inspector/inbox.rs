//! What clients of the inspector want of one isolate, until its thread takes it: while it is idle, between two steps of JavaScript, or
//! while JavaScript is paused.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tokio::sync::OwnedSemaphorePermit;

use super::method::Pace;
use super::outlet::Outlet;
use crate::reply::Ticket;

/// Number of a session; never reused in a process.
pub(super) type SessionId = u64;

/// A request of the host's own to the inspector, without a socket.
#[derive(Debug)]
pub struct Inspect {
    /// The host's session, made on first use. Numbers come from [`Inspect::new_session`].
    pub session: u64,
    /// What to do.
    pub request: InspectRequest,
}

/// What the host asks of the inspector.
#[derive(Debug)]
pub enum InspectRequest {
    /// Call a method of the protocol with JSON parameters; the answer is the JSON of V8's whole response.
    Call {
        /// For example `Profiler.start`.
        method: String,
        /// A JSON object.
        params: String,
    },
    /// End the session.
    Close,
    /// Write a heap snapshot.
    HeapSnapshot(File),
}

impl Inspect {
    /// A number for a new session.
    #[must_use]
    pub fn new_session() -> u64 {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    fn pace(&self) -> Pace {
        match &self.request {
            InspectRequest::Call { method, .. } => Pace::of(method),
            InspectRequest::Close | InspectRequest::HeapSnapshot(_) => Pace::Quiet,
        }
    }
}

/// One message of a client.
#[derive(Debug)]
pub(super) struct Said {
    /// The method it calls.
    pub(super) method: String,
    /// The number its answer must carry.
    pub(super) call: i64,
    /// The whole message, which is JSON.
    pub(super) text: String,
    /// Its place among the client's messages under way: the client is read no further while there is none.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Something for the isolate's thread to do.
#[derive(Debug)]
pub(super) enum Errand {
    /// A client connected.
    Connect(SessionId, Outlet),
    /// A client said something.
    Say(SessionId, Said),
    /// A client is gone.
    Disconnect(SessionId),
    /// User code need not wait for clients any longer.
    Release,
    /// The host asks.
    Ask(Arc<Ticket>, Inspect),
}

impl Errand {
    fn session_and_pace(&self) -> Option<(SessionId, Pace)> {
        match self {
            Self::Say(session, said) => Some((*session, Pace::of(&said.method))),
            Self::Ask(_, inspect) => Some((inspect.session, inspect.pace())),
            Self::Connect(..) | Self::Disconnect(_) | Self::Release => None,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    errands: VecDeque<Errand>,
    /// The mailbox holds a message about this inbox.
    announced: bool,
    /// V8 holds an interrupt for this inbox.
    interrupting: bool,
    /// Somebody wants the waiting thread to look around.
    poked: bool,
    /// The isolate is gone.
    closed: bool,
}

/// The errands of one isolate.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    news: Condvar,
}

impl Inbox {
    /// Adds an errand, or gives it back when the isolate is gone. Says whether the isolate's mailbox, and whether V8, must still be told:
    /// a pause takes neither, so each is told once.
    pub(super) fn push(&self, errand: Errand) -> Result<(bool, bool), Errand> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(errand);
        }
        inner.errands.push_back(errand);
        inner.poked = true;
        self.news.notify_all();
        let told = (inner.announced, inner.interrupting);
        (inner.announced, inner.interrupting) = (true, true);
        Ok((!told.0, !told.1))
    }

    /// The mailbox's message was taken.
    pub(super) fn announcement_taken(&self) {
        self.inner.lock().announced = false;
    }

    /// V8's interrupt came.
    pub(crate) fn interrupt_taken(&self) {
        self.inner.lock().interrupting = false;
    }

    /// Has the thread look around if it waits here.
    pub(crate) fn poke(&self) {
        self.inner.lock().poked = true;
        self.news.notify_all();
    }

    /// Blocks until somebody pokes or adds an errand; returns at once if that happened since the last call.
    pub(super) fn wait(&self) {
        let mut inner = self.inner.lock();
        while !inner.poked {
            self.news.wait(&mut inner);
        }
        inner.poked = false;
    }

    /// The next errand.
    pub(super) fn take(&self) -> Option<Errand> {
        self.inner.lock().errands.pop_front()
    }

    /// The next errand that may be done while JavaScript is on the stack. Others stay, and so do later ones of their sessions.
    pub(super) fn take_quiet(&self) -> Option<Errand> {
        let mut inner = self.inner.lock();
        let mut put_off = HashSet::new();
        let found = inner.errands.iter().position(|errand| match errand.session_and_pace() {
            None | Some((_, Pace::Urgent)) => true,
            Some((session, Pace::Quiet)) => !put_off.contains(&session),
            Some((session, Pace::Code)) => {
                put_off.insert(session);
                false
            }
        });
        inner.errands.remove(found?)
    }

    /// Whether an errand waits.
    pub(super) fn has_errands(&self) -> bool {
        !self.inner.lock().errands.is_empty()
    }

    /// Closes the inbox: what waited comes back, and nothing more is taken.
    pub(super) fn close(&self) -> VecDeque<Errand> {
        let mut inner = self.inner.lock();
        inner.closed = true;
        std::mem::take(&mut inner.errands)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn say(session: SessionId, method: &str) -> Errand {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap_or_else(|_| unreachable!("one place is free"));
        Errand::Say(session, Said { method: method.into(), call: 1, text: String::new(), _place: place })
    }

    fn taken(inbox: &Inbox) -> Vec<(SessionId, String)> {
        std::iter::from_fn(|| inbox.take_quiet())
            .map(|errand| match errand {
                Errand::Say(session, said) => (session, said.method),
                other => (0, format!("{other:?}")),
            })
            .collect()
    }

    #[test]
    fn code_waits_and_holds_back_its_session_only() {
        let inbox = Inbox::default();
        for (session, method) in [
            (1, "Runtime.enable"),
            (1, "Runtime.evaluate"),
            (1, "Profiler.stop"),
            (2, "Profiler.start"),
            (1, "Debugger.pause"),
            (2, "Runtime.evaluate"),
        ] {
            assert!(inbox.push(say(session, method)).is_ok());
        }
        let names: Vec<_> = taken(&inbox);
        assert_eq!(names, [(1, "Runtime.enable".into()), (2, "Profiler.start".into()), (1, "Debugger.pause".into())]);
        let rest: Vec<_> = inbox.close().into_iter().filter_map(|errand| errand.session_and_pace()).collect();
        assert_eq!(rest, [(1, Pace::Code), (1, Pace::Quiet), (2, Pace::Code)]);
        assert!(inbox.push(Errand::Release).is_err());
    }

    #[test]
    fn a_poke_before_the_wait_is_not_lost() {
        let inbox = Inbox::default();
        inbox.poke();
        inbox.wait();
    }
}
