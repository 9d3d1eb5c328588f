//! The guarded ways into JavaScript: every entry catches exceptions, termination and panics, and says on whose behalf it runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use deno_core::v8;

use super::State;
use crate::convert::describe;
use crate::error::Error;
use crate::limits;
use crate::reply::{Cause, OpId, Ticket};
use crate::value::Value;

/// How a command left JavaScript.
pub(crate) enum Run<'s> {
    /// With a value, perhaps a promise.
    Value(v8::Local<'s, v8::Value>),
    /// With the promise of a REPL result.
    Repl(v8::Local<'s, v8::Value>),
    /// With a stream to wait for: its next chunk or its end.
    Chunk(u64),
    /// With an exception, or because it was stopped.
    Threw,
}

/// Where an operation stands after its first run.
pub(super) enum Progress {
    /// It ended.
    Done(Result<Value, Error>),
    /// It waits for a promise.
    Pending,
}

/// One entry into JavaScript on the stack.
pub(super) struct Entry {
    /// The operation; `None` for turns of the event loop.
    pub(super) ticket: Option<Arc<Ticket>>,
    /// Microtasks run: whoever owns the current one is to blame, not this entry's operation.
    pub(super) checkpoint: bool,
}

impl Entry {
    pub(super) fn must_stop(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.stop.get().is_some())
    }
}

/// A `TryCatch` over an ordinary scope.
pub(super) type Catch<'a, 'b, 's, 'i> = v8::PinnedRef<'a, v8::TryCatch<'b, 's, v8::HandleScope<'i>>>;

impl State {
    /// Runs an operation until it ends or waits for a promise.
    pub(crate) fn operate<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        ticket: Arc<Ticket>,
        run: impl FnOnce(&mut v8::PinScope<'s, '_>, &Self) -> Result<Run<'s>, Error>,
    ) {
        {
            let mut live = self.live.borrow_mut();
            live.insert(ticket.id, Arc::clone(&ticket));
            self.shared.counters.live_changed(live.len());
        }
        self.shared.cpu.add(&ticket);
        let (previous, start) = self.begin(scope, Some(&ticket));
        let progress = contained(|| {
            v8::tc_scope!(let tc, scope);
            let progress = match run(tc, self) {
                Ok(Run::Value(value)) => self.follow(tc, &ticket, value, false),
                Ok(Run::Repl(value)) => self.follow(tc, &ticket, value, true),
                Ok(Run::Chunk(stream)) => self.follow_stream(tc, &ticket, stream),
                Ok(Run::Threw) => {
                    let error = self.failure(tc, &ticket);
                    self.checkpoint(tc);
                    Progress::Done(Err(error))
                }
                Err(error) => Progress::Done(Err(error)),
            };
            // JavaScript may reach its end without noticing that it was stopped: a host function closed the runtime, or passed the deadline.
            let progress = if self.must_stop() { Progress::Done(Err(self.stop_error(&ticket))) } else { progress };
            self.report_rejections(tc);
            tc.reset();
            progress
        });
        let left = self.end(scope, previous);
        self.shared.counters.ran(left - start);
        self.publish_heap(scope, false);
        self.recover(scope);
        match progress {
            Ok(Progress::Done(outcome)) => self.finish(&ticket, outcome),
            Ok(Progress::Pending) => {
                ticket.now_pending();
                self.check_reentry(&ticket);
            }
            Err(panic) => self.finish(&ticket, Err(panic)),
        }
    }

    /// Runs something that belongs to no one command: settling a promise, a turn of the event loop.
    pub(crate) fn turn<'s>(&self, scope: &mut v8::PinScope<'s, '_>, owner: Option<OpId>, run: impl FnOnce(&mut v8::PinScope<'s, '_>)) {
        let ticket = owner.and_then(|id| self.live.borrow().get(&id).cloned());
        let (previous, _) = self.begin(scope, ticket.as_ref());
        let ran = contained(|| {
            v8::tc_scope!(let tc, scope);
            run(tc);
            if tc.is_execution_terminating() {
                tc.cancel_terminate_execution();
            }
            self.checkpoint(tc);
            self.report_rejections(tc);
            tc.reset();
        });
        self.end(scope, previous);
        if let (Err(panic), Some(ticket)) = (ran, ticket) {
            self.finish(&ticket, Err(panic));
        }
    }

    /// Runs deno_core's event loop as a turn of its own. deno_core makes its own scopes.
    pub(super) fn event_loop_turn<T>(&self, poll: impl FnOnce() -> T) -> Option<T> {
        self.push(Entry { ticket: None, checkpoint: true });
        let polled = contained(poll).ok();
        self.pop();
        polled
    }

    /// Pushes an entry and makes `ticket` the owner of everything that starts inside.
    fn begin<'s>(&self, scope: &mut v8::PinScope<'s, '_>, ticket: Option<&Arc<Ticket>>) -> (v8::Local<'s, v8::Value>, Instant) {
        let previous = scope.get_continuation_preserved_embedder_data();
        let owner: v8::Local<'_, v8::Value> = match ticket {
            Some(ticket) => v8::Number::new(scope, ticket.id as f64).into(),
            None => v8::undefined(scope).into(),
        };
        scope.set_continuation_preserved_embedder_data(owner);
        (previous, self.push(Entry { ticket: ticket.cloned(), checkpoint: false }))
    }

    /// Puts an entry on the stack; returns when.
    fn push(&self, entry: Entry) -> Instant {
        self.shared.counters.timers.rest();
        self.count_for(Some(&entry));
        let now = Instant::now();
        let mut entries = self.entries.borrow_mut();
        if entries.is_empty() {
            self.entered.set(now);
        }
        entries.push(entry);
        now
    }

    /// Takes the innermost entry off the stack; returns when.
    fn pop(&self) -> Instant {
        let now = Instant::now();
        let mut entries = self.entries.borrow_mut();
        entries.pop();
        if entries.is_empty() {
            self.shared.counters.left(now - self.entered.get());
        }
        self.count_for(entries.last());
        now
    }

    /// From here on, time on the thread counts for this entry's operation.
    fn count_for(&self, entry: Option<&Entry>) {
        let meter = &self.shared.cpu;
        let unseen = match entry {
            Some(Entry { ticket, checkpoint }) if meter.is_on() => {
                let unseen = meter.switch(ticket.as_ref(), *checkpoint);
                let left = ticket.as_ref().and_then(|ticket| ticket.cpu_left());
                if let Some(wait) = left.or(checkpoint.then_some(limits::CPU_LOOK)) {
                    self.shared.watchdog.watch_cpu(Instant::now() + wait);
                }
                unseen
            }
            _ => meter.rest(),
        };
        self.spread(unseen);
    }

    /// Takes the entry off again. Afterwards V8 is not terminating, whatever happened inside.
    fn end(&self, scope: &mut v8::PinScope<'_, '_>, previous: v8::Local<'_, v8::Value>) -> Instant {
        let left = self.pop();
        self.take_termination(scope);
        scope.set_continuation_preserved_embedder_data(previous);
        left
    }

    /// Takes a request to terminate back, whether it was met or came too late; returns whether there was one.
    pub(super) fn take_termination(&self, isolate: &mut v8::Isolate) -> bool {
        // `is_execution_terminating` does not show a request that came when no JavaScript was left to stop.
        let requested = self.terminating.take() || isolate.is_execution_terminating();
        if requested {
            isolate.cancel_terminate_execution();
        }
        requested
    }

    /// The error of a run that left by exception or termination. Called with the `TryCatch` that caught it.
    pub(super) fn failure(&self, tc: &mut Catch<'_, '_, '_, '_>, ticket: &Ticket) -> Error {
        if tc.has_terminated() || tc.is_execution_terminating() {
            tc.cancel_terminate_execution();
            return self.stop_error(ticket);
        }
        let message = tc.message();
        match tc.exception() {
            Some(thrown) => {
                let exception = describe(tc, self, thrown, message);
                if tc.is_execution_terminating() {
                    tc.cancel_terminate_execution();
                    return self.stop_error(ticket);
                }
                Error::JavaScript(Box::new(exception))
            }
            None => self.stop_error(ticket),
        }
    }

    /// Why an operation was stopped.
    pub(super) fn stop_error(&self, ticket: &Ticket) -> Error {
        if let Some(cause) = ticket.stop.get().or_else(|| self.shared.stopped()) {
            return self.error_for(ticket, cause);
        }
        // Nested in an operation that was stopped: it ends for the same reason.
        let entries = self.entries.borrow();
        let outer = entries.iter().rev().find_map(|entry| entry.ticket.as_ref().filter(|outer| outer.stop.get().is_some()));
        match outer.and_then(|outer| Some((outer, outer.stop.get()?))) {
            Some((outer, cause)) => self.error_for(outer, cause),
            None => self.error_for(ticket, Cause::Cancelled),
        }
    }

    /// Runs microtasks, unless they run already further out. Afterwards V8 is not terminating.
    pub(crate) fn checkpoint(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.checkpoints.get() > 0 {
            return;
        }
        self.set_checkpoint(true);
        self.checkpoints.set(1);
        scope.perform_microtask_checkpoint();
        self.checkpoints.set(0);
        if scope.is_execution_terminating() {
            // V8 threw the whole queue away: other operations may have lost their continuation.
            self.dropped_microtasks.set(true);
            scope.cancel_terminate_execution();
        }
        self.set_checkpoint(false);
    }

    fn set_checkpoint(&self, on: bool) {
        if let Some(entry) = self.entries.borrow_mut().last_mut() {
            entry.checkpoint = on;
            if self.shared.cpu.is_on() {
                self.count_for(Some(entry));
            }
        }
    }

    /// Has V8 unwind JavaScript. The entry that ends next takes the request back if it came too late.
    pub(crate) fn terminate(&self, isolate: &mut v8::Isolate) {
        self.terminating.set(true);
        isolate.terminate_execution();
    }

    /// Runs in V8's interrupt callback, on this thread, with JavaScript on the stack: is it JavaScript that must stop?
    pub(crate) fn should_terminate(&self, scope: &v8::PinScope<'_, '_>) -> bool {
        if self.shared.is_stopped() || self.heap_exceeded.get() {
            return true;
        }
        if self.shared.counters.timers.changing() {
            // The watchdog asks again.
            return false;
        }
        let entries = self.entries.borrow();
        let Some((top, below)) = entries.split_last() else { return false };
        if below.iter().any(Entry::must_stop) {
            return true;
        }
        if !top.checkpoint {
            return top.must_stop();
        }
        let live = self.live.borrow();
        match self.current_owner(scope).and_then(|id| live.get(&id)) {
            Some(owner) => owner.stop.get().is_some(),
            // Microtasks of nobody, such as a stream's, are not to blame for a stop that came just now. But those that keep others
            // waiting, beyond the grace, end with them.
            None => self.shared.has_overdue(),
        }
    }

    /// Whether JavaScript is on this thread's stack.
    pub(crate) fn is_running(&self) -> bool {
        !self.entries.borrow().is_empty()
    }

    /// A debugger stops the JavaScript that it interrupted or paused; the isolate goes on.
    pub(crate) fn stop_running(&self, scope: &mut v8::PinScope<'_, '_>) {
        let entry = self.entries.borrow().last().and_then(|top| if top.checkpoint { None } else { top.ticket.clone() });
        let owner = || self.live.borrow().get(&self.current_owner(scope)?).cloned();
        if let Some(ticket) = entry.or_else(owner) {
            self.shared.mark_stop(&ticket, Cause::Terminated);
        }
        self.terminate(scope);
    }
}

/// Runs `run`; a panic becomes an error. What `run` borrowed is per-isolate state that stays consistent between statements.
fn contained<T>(run: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Error::Panic(panic_text(panic.as_ref())))
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without text".into())
}

#[cfg(test)]
mod tests {
    use super::contained;
    use crate::error::Error;

    #[test]
    fn hostile_73_a_panic_is_an_error_of_its_operation() {
        let ended = contained(|| -> u32 { std::panic::resume_unwind(Box::new("on purpose")) });
        assert!(matches!(ended, Err(Error::Panic(text)) if text == "on purpose"));
        assert!(matches!(contained(|| 7), Ok(7)));
    }
}
