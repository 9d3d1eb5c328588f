//! Deadlines and stops of one isolate, driven by one task on the reactor: fires the interrupt, repeats it until the isolate has ended the
//! operation, and after a grace releases the caller even if V8 has not answered.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::error::Error;
use crate::isolate::Shared;
use crate::reply::{Cause, OpId, Ticket};

/// Time between two interrupts for the same operation.
pub(crate) const REPEAT: Duration = Duration::from_millis(5);
/// How long after its stop an operation's caller is released at the latest.
const GRACE: Duration = Duration::from_millis(15);
/// How long after it promise jobs that belong to nobody are left alone: they may have come to run just now.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is due, and when.
#[derive(Debug, Default)]
struct Agenda {
    /// By time; the operation's number makes keys unique.
    due: BTreeMap<(Instant, OpId), Arc<Ticket>>,
    /// When an operation is due, to find its entry.
    when: std::collections::HashMap<OpId, Instant>,
    /// Operations whose caller was released while V8 did not yield.
    draining: HashSet<OpId>,
    /// When to look how much time on the thread is used.
    cpu: Option<Instant>,
    /// When the task will look next; `None` while it sleeps without a date.
    next_look: Option<Instant>,
}

/// The deadlines of one isolate.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    agenda: Mutex<Agenda>,
    wake: Notify,
}

impl Watchdog {
    /// Has `ticket` looked at when `at` comes.
    pub(crate) fn watch(&self, ticket: &Arc<Ticket>, at: Instant) {
        let mut agenda = self.agenda.lock();
        // Under the lock that `unwatch` takes after the mark: no ended operation stays on the agenda.
        if ticket.has_ended() {
            return;
        }
        if let Some(old) = agenda.when.insert(ticket.id, at) {
            agenda.due.remove(&(old, ticket.id));
        }
        agenda.due.insert((at, ticket.id), Arc::clone(ticket));
        if agenda.next_look.is_none_or(|next| at < next) {
            agenda.next_look = Some(at);
            drop(agenda);
            self.wake.notify_one();
        }
    }

    /// Has the time on the thread looked at when `at` comes, or before.
    pub(crate) fn watch_cpu(&self, at: Instant) {
        let mut agenda = self.agenda.lock();
        if agenda.cpu.is_some_and(|set| set <= at) {
            return;
        }
        agenda.cpu = Some(at);
        if agenda.next_look.is_none_or(|next| at < next) {
            agenda.next_look = Some(at);
            drop(agenda);
            self.wake.notify_one();
        }
    }

    /// Whether it is time for that look.
    fn take_cpu(&self, now: Instant) -> bool {
        self.agenda.lock().cpu.take_if(|at| *at <= now).is_some()
    }

    /// Releases the caller although the isolate has not let go.
    fn release(&self, ticket: &Ticket, error: Error) {
        let mut agenda = self.agenda.lock();
        // Under the lock that `unwatch` takes after the mark.
        if !ticket.has_ended() && ticket.answer(Err(error)) {
            agenda.draining.insert(ticket.id);
        }
    }

    /// Whether V8 has yet to answer for an operation whose caller was released.
    pub(crate) fn is_draining(&self) -> bool {
        !self.agenda.lock().draining.is_empty()
    }

    /// The operation ended.
    pub(crate) fn unwatch(&self, ticket: &Ticket) {
        let mut agenda = self.agenda.lock();
        agenda.draining.remove(&ticket.id);
        if let Some(at) = agenda.when.remove(&ticket.id) {
            agenda.due.remove(&(at, ticket.id));
        }
    }

    /// Operations that are watched.
    pub(crate) fn len(&self) -> usize {
        self.agenda.lock().due.len()
    }

    /// Whether an operation is long past its stop and not ended: something else keeps it.
    pub(crate) fn has_overdue(&self) -> bool {
        let (agenda, now) = (self.agenda.lock(), Instant::now());
        agenda.due.values().any(|ticket| ticket.stopped_for(now).is_some_and(|elapsed| elapsed >= PATIENCE))
    }

    /// Has the task look now.
    pub(crate) fn hurry(&self) {
        self.wake.notify_one();
    }

    /// Ends the task at its next look, and lets go of every operation.
    pub(crate) fn retire(&self) {
        let agenda = std::mem::take(&mut *self.agenda.lock());
        drop(agenda);
        self.wake.notify_one();
    }

    /// Takes what is due and says when to look again.
    fn take_due(&self, now: Instant) -> (Vec<Arc<Ticket>>, Option<Instant>) {
        let mut agenda = self.agenda.lock();
        let mut due = Vec::new();
        while let Some(entry) = agenda.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ticket = entry.remove();
            agenda.when.remove(&ticket.id);
            due.push(ticket);
        }
        let next = agenda.due.keys().next().map(|key| key.0).into_iter().chain(agenda.cpu).min();
        agenda.next_look = next;
        (due, next)
    }
}

/// The task. Holds the isolate weakly: it ends when the isolate does.
pub(crate) async fn watch_isolate(isolate: Weak<Shared>) {
    loop {
        let Some(shared) = isolate.upgrade() else { return };
        if shared.is_finished() {
            return;
        }
        let (due, next) = shared.watchdog.take_due(Instant::now());
        let mut waiting = shared.watchdog.take_cpu(Instant::now()) && super::cpu::look(&shared);
        for ticket in due {
            waiting |= overdue(&shared, &ticket);
        }
        // Until it has ended: the interrupt may have stopped one piece of JavaScript, and another have begun.
        let closing = shared.is_closing().then(|| Instant::now() + REPEAT);
        waiting |= closing.is_some();
        if waiting {
            // One interrupt serves all that are due.
            shared.interrupt_now();
        }
        let watchdog = Arc::clone(&shared.watchdog);
        drop(shared);
        let next = watchdog.agenda.lock().next_look.or(next).into_iter().chain(closing).min();
        match next {
            Some(at) => {
                tokio::select! {
                    () = watchdog.wake.notified() => {}
                    () = tokio::time::sleep_until(at.into()) => {}
                }
            }
            None => watchdog.wake.notified().await,
        }
    }
}

/// One operation is due: its deadline came, or it was stopped and has not ended. Returns whether the isolate must be interrupted for it.
fn overdue(shared: &Arc<Shared>, ticket: &Arc<Ticket>) -> bool {
    if ticket.has_ended() {
        return false;
    }
    let now = Instant::now();
    if shared.mark_stop(ticket, Cause::Timeout) {
        shared.post_stop(ticket);
    } else if ticket.stopped_for(now).is_some_and(|elapsed| elapsed >= GRACE)
        && let Some(cause) = ticket.stop.get()
    {
        // V8 has not yielded. The caller goes on; the isolate drains.
        shared.watchdog.release(ticket, ticket.error_for(cause, shared.config.max_heap_size));
    }
    ticket.mark_stopped(now);
    shared.watchdog.watch(ticket, now + REPEAT);
    true
}
