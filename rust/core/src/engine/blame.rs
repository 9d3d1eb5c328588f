//! Whose JavaScript is at fault: for a full heap, and for time used on the thread.

use std::sync::Arc;

use deno_core::v8;

use super::State;
use crate::error::JsException;
use crate::limits;
use crate::reply::{Cause, Item, Report, Ticket};

impl State {
    /// Runs in V8's near-heap-limit callback and after collections: marks who must stop for it. Whose promise job or timer it is can be asked in
    /// the interrupt that follows.
    pub(crate) fn heap_limit_reached(&self) {
        self.heap_exceeded.set(true);
        let entries = self.entries.borrow();
        if let Some(top) = entries.last()
            && !top.checkpoint
            && let Some(ticket) = entries.iter().rev().find_map(|entry| entry.ticket.as_ref())
        {
            self.shared.mark_stop(ticket, Cause::HeapLimit);
            self.heap_blamed.set(true);
        }
    }

    /// Runs in V8's interrupt callback: marks who must stop, where only V8 can tell.
    pub(crate) fn blame(&self, scope: &v8::PinScope<'_, '_>) {
        let in_jobs = self.entries.borrow().last().is_some_and(|entry| entry.checkpoint);
        if !in_jobs {
            return;
        }
        let owner = self.current_owner(scope).and_then(|id| self.live.borrow().get(&id).cloned());
        self.shared.cpu.observe(owner.as_ref());
        if let Some(owner) = &owner
            && owner.cpu_left().is_some_and(|left| left.is_zero())
        {
            limits::stop_for_cpu(&self.shared, owner);
        }
        if self.heap_exceeded.get() && !self.heap_blamed.replace(true) {
            self.blame_for_heap(owner.as_ref());
        }
    }

    fn blame_for_heap(&self, owner: Option<&Arc<Ticket>>) {
        if let Some(owner) = owner {
            if self.shared.mark_stop(owner, Cause::HeapLimit) {
                // It may wait for a promise: then nobody on the stack answers for it.
                self.shared.post_stop(owner);
            }
            return;
        }
        let message = "a timer or promise job of an operation that has ended was stopped: the JavaScript heap reached its limit";
        self.report_uncaught(JsException { name: Some("RangeError".into()), message: message.into(), ..Default::default() });
    }

    /// Tells the host of an error that no operation is at fault for.
    pub(crate) fn report_uncaught(&self, exception: JsException) {
        let Some((admitted, _)) = self.reports.admit() else { return self.drop_report() };
        self.deliver_for(None, Item::Report(Arc::clone(&self.shared), Report::Uncaught(Box::new(exception), admitted)));
    }

    /// A report found too many under way.
    pub(crate) fn drop_report(&self) {
        self.shared.counters.reports_dropped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Counts time of promise jobs and timers that nobody saw: against all operations in flight, in equal parts.
    pub(super) fn spread(&self, time: Option<std::time::Duration>) {
        let Some(time) = time else { return };
        let live = self.live.borrow();
        let share = time / u32::try_from(live.len().max(1)).unwrap_or(u32::MAX);
        for ticket in live.values() {
            ticket.charge(share);
            if ticket.cpu_left().is_some_and(|left| left.is_zero()) {
                limits::stop_for_cpu(&self.shared, ticket);
            }
        }
    }
}
