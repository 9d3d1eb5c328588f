//! The one place that follows a result to its end: thenables, promises, conversion, the answer.

use std::rc::Rc;
use std::sync::Arc;

use deno_core::v8;

use super::run::{Catch, Progress};
use super::state::{State, state_of};
use crate::convert::{describe, from_v8_for};
use crate::error::Error;
use crate::reply::{Cause, OpId, Ticket};
use crate::value::Value;

/// An operation that waits for a promise.
///
/// A promise is held weakly: whoever can still settle it keeps it alive. If the collector takes it, nobody can.
pub(super) struct Pending {
    ticket: Arc<Ticket>,
    /// Its finalizer reports the operation as unreachable.
    _promise: Option<v8::Weak<v8::Promise>>,
    /// The promise's value is a REPL result to unwrap.
    repl: bool,
}

impl State {
    /// Follows the value of a run: microtasks first, then its promise if it is one.
    pub(super) fn follow<'s>(
        &self,
        tc: &mut Catch<'_, '_, 's, '_>,
        ticket: &Arc<Ticket>,
        value: v8::Local<'s, v8::Value>,
        repl: bool,
    ) -> Progress {
        self.checkpoint(tc);
        let value = if value.is_promise() {
            value
        } else {
            match self.assimilate(tc, value) {
                Ok(value) => value,
                Err(()) => return Progress::Done(Err(self.failure(tc, ticket))),
            }
        };
        let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) else {
            return Progress::Done(self.convert(tc, ticket, value));
        };
        self.follow_promise(tc, ticket, promise, repl)
    }

    /// The same for a promise, once the microtasks have run.
    fn follow_promise<'s>(
        &self,
        tc: &mut Catch<'_, '_, 's, '_>,
        ticket: &Arc<Ticket>,
        promise: v8::Local<'s, v8::Promise>,
        repl: bool,
    ) -> Progress {
        match promise.state() {
            v8::PromiseState::Fulfilled => {
                let value = promise.result(tc);
                self.fulfilled(tc, ticket, value, repl)
            }
            v8::PromiseState::Rejected => {
                self.mark_handled(promise);
                let reason = promise.result(tc);
                Progress::Done(Err(self.rejected(tc, ticket, reason)))
            }
            v8::PromiseState::Pending if ticket.stop.get().is_some() => {
                // As if it had been stopped a moment later: how the promise ends is nobody's business any more.
                self.mark_handled(promise);
                Progress::Done(Err(self.stop_error(ticket)))
            }
            v8::PromiseState::Pending => self.wait_for(tc, ticket, promise, repl),
        }
    }

    /// Waits for a stream: answered without a value as soon as there is something to take from its channel.
    pub(super) fn follow_stream(&self, tc: &mut Catch<'_, '_, '_, '_>, ticket: &Arc<Ticket>, stream: u64) -> Progress {
        self.checkpoint(tc);
        if self.stream_has_news(stream) {
            return Progress::Done(Ok(Value::Undefined));
        }
        if ticket.stop.get().is_some() {
            return Progress::Done(Err(self.stop_error(ticket)));
        }
        if !self.await_chunk(stream, ticket.id) {
            return Progress::Done(Err(Error::Invalid("another read of this stream waits".into())));
        }
        self.pending.borrow_mut().insert(ticket.id, Pending { ticket: Arc::clone(ticket), _promise: None, repl: false });
        self.shared.counters.pending_changed(self.pending.borrow().len());
        Progress::Pending
    }

    /// Whether an operation waits.
    pub(crate) fn is_waiting(&self, op: OpId) -> bool {
        self.pending.borrow().contains_key(&op)
    }

    /// Ends an operation that waits for a stream: it has something to take.
    pub(crate) fn end_waiting(&self, op: OpId) {
        if let Some(pending) = self.take_pending(op) {
            self.finish(&pending.ticket, Ok(Value::Undefined));
        }
    }

    /// Turns a thenable into a promise, as `await` does. Other values stay what they are.
    fn assimilate<'s>(&self, tc: &mut Catch<'_, '_, 's, '_>, value: v8::Local<'s, v8::Value>) -> Result<v8::Local<'s, v8::Value>, ()> {
        if !value.is_object() {
            return Ok(value);
        }
        let object: v8::Local<'s, v8::Object> = value.cast();
        let key = v8::String::new(tc, "then").ok_or(())?;
        // Looking for the key first spares objects without it a second read of a getter.
        if object.has(tc, key.into()) != Some(true) {
            return if tc.has_caught() { Err(()) } else { Ok(value) };
        }
        let then = object.get(tc, key.into()).ok_or(())?;
        if !then.is_function() {
            return Ok(value);
        }
        let resolver = v8::PromiseResolver::new(tc).ok_or(())?;
        resolver.resolve(tc, value).ok_or(())?;
        self.checkpoint(tc);
        Ok(resolver.get_promise(tc).into())
    }

    fn wait_for<'s>(
        &self,
        tc: &mut Catch<'_, '_, 's, '_>,
        ticket: &Arc<Ticket>,
        promise: v8::Local<'s, v8::Promise>,
        repl: bool,
    ) -> Progress {
        let id = v8::Number::new(tc, ticket.id as f64);
        let fulfilled = v8::Function::builder(on_fulfilled).data(id.into()).build(tc);
        let rejected = v8::Function::builder(on_rejected).data(id.into()).build(tc);
        let (Some(fulfilled), Some(rejected)) = (fulfilled, rejected) else {
            return Progress::Done(Err(self.failure(tc, ticket)));
        };
        if promise.then2(tc, fulfilled, rejected).is_none() {
            return Progress::Done(Err(self.failure(tc, ticket)));
        }
        let unreachable = Rc::clone(&self.unreachable);
        let op = ticket.id;
        let weak = v8::Weak::with_guaranteed_finalizer(tc, promise, Box::new(move || unreachable.borrow_mut().push(op)));
        self.pending.borrow_mut().insert(op, Pending { ticket: Arc::clone(ticket), _promise: Some(weak), repl });
        self.shared.counters.pending_changed(self.pending.borrow().len());
        Progress::Pending
    }

    /// The value that a promise was fulfilled with. That of a script may be a promise itself, which is followed as a plain script's is.
    fn fulfilled<'s>(&self, tc: &mut Catch<'_, '_, 's, '_>, ticket: &Arc<Ticket>, value: v8::Local<'s, v8::Value>, repl: bool) -> Progress {
        if !repl {
            return Progress::Done(self.convert(tc, ticket, value));
        }
        let inner = v8::Local::<v8::Object>::try_from(value).ok().and_then(|object| {
            let key = v8::String::new(tc, ".repl_result")?;
            object.get(tc, key.into())
        });
        let Some(inner) = inner else { return Progress::Done(Err(self.failure(tc, ticket))) };
        match v8::Local::<v8::Promise>::try_from(inner) {
            Ok(promise) => self.follow_promise(tc, ticket, promise, false),
            Err(_) => Progress::Done(self.convert(tc, ticket, inner)),
        }
    }

    /// The value as the caller gets it. What is lent is served by [`State::finish`], while the handle is in the scope that `value` is in.
    fn convert<'s>(&self, tc: &mut Catch<'_, '_, 's, '_>, ticket: &Ticket, value: v8::Local<'s, v8::Value>) -> Result<Value, Error> {
        from_v8_for(Some(ticket), tc, self, value).map_err(|error| {
            error.unwrap_or_else(|| {
                tc.cancel_terminate_execution();
                self.stop_error(ticket)
            })
        })
    }

    fn rejected<'s>(&self, tc: &mut Catch<'_, '_, 's, '_>, ticket: &Ticket, reason: v8::Local<'s, v8::Value>) -> Error {
        let message = v8::Exception::create_message(tc, reason);
        let exception = describe(tc, self, reason, Some(message));
        if tc.is_execution_terminating() {
            tc.cancel_terminate_execution();
            return self.stop_error(ticket);
        }
        Error::JavaScript(Box::new(exception))
    }

    /// Takes an operation off the table of those that wait.
    fn take_pending(&self, op: OpId) -> Option<Pending> {
        let mut table = self.pending.borrow_mut();
        let pending = table.remove(&op);
        self.shared.counters.pending_changed(table.len());
        pending
    }

    /// A pending promise settled.
    fn settled<'s>(&self, scope: &mut v8::PinScope<'s, '_>, op: OpId, value: v8::Local<'s, v8::Value>, fulfilled: bool) {
        let Some(pending) = self.take_pending(op) else { return };
        let ticket = Arc::clone(&pending.ticket);
        v8::tc_scope!(let tc, scope);
        let repl = pending.repl;
        drop(pending);
        let progress =
            if fulfilled { self.fulfilled(tc, &ticket, value, repl) } else { Progress::Done(Err(self.rejected(tc, &ticket, value))) };
        if let Progress::Done(outcome) = progress {
            self.finish(&ticket, outcome);
        }
    }

    /// Ends an operation.
    pub(super) fn finish(&self, ticket: &Arc<Ticket>, mut outcome: Result<Value, Error>) {
        if let Err(Error::HeapLimit { condemned, .. }) = &mut outcome
            && !self.heap_exceeded.get()
        {
            *condemned = Some(self.shared.stopped() == Some(Cause::HeapLimit));
        }
        let mut live = self.live.borrow_mut();
        if live.remove(&ticket.id).is_some() {
            self.shared.counters.live_changed(live.len());
            self.shared.cpu.remove(ticket);
        }
        drop(live);
        self.shared.unwatch(ticket);
        if ticket.stop.get().is_some() {
            self.abandon_calls(ticket.id);
        }
        if matches!(outcome, Err(Error::Terminated)) {
            // Found on the stack: nobody has marked it.
            self.shared.mark_stop(ticket, Cause::Terminated);
        }
        let lender = if let Ok(Value::Loan(loan)) = &outcome { Some(loan.lender()) } else { None };
        ticket.answer(outcome);
        if let Some(lender) = lender {
            self.shared.lending.serve(lender, &self.shared.spares);
        }
    }

    /// Ends an operation that must stop and is not on the stack.
    pub(crate) fn stop_operation(&self, ticket: &Arc<Ticket>) {
        let waits = self.take_pending(ticket.id).is_some();
        let on_stack = !waits && self.live.borrow().contains_key(&ticket.id);
        if !on_stack {
            // A request that is still queued behind this message finds the cause itself; the answer need not wait for it.
            let error = self.stop_error(ticket);
            self.finish(ticket, Err(error));
        }
    }

    /// A nested operation whose promise cannot make progress before its own caller goes on.
    pub(super) fn check_reentry(&self, ticket: &Arc<Ticket>) {
        if ticket.blocking && !self.waiting.borrow().is_empty() && self.checkpoints.get() > 0 {
            drop(self.take_pending(ticket.id));
            self.finish(
                ticket,
                Err(Error::Deadlock(
                    "a host function called by a promise job evaluates JavaScript and blocks for a promise of the same runtime: promise jobs run \
                     one at a time, so neither can finish. Make the host function async and await the evaluation"
                        .into(),
                )),
            );
        }
    }

    /// Ends every operation, for good.
    pub(crate) fn end_all(&self, cause: Cause) {
        for message in self.deferred.take().into_iter().chain(self.inspection.take_held()) {
            self.shared.refuse(message);
        }
        self.end_streams(cause);
        let tickets: Vec<_> = self.live.borrow().values().cloned().collect();
        for ticket in tickets {
            drop(self.take_pending(ticket.id));
            self.shared.mark_stop(&ticket, cause);
            self.finish(&ticket, Err(self.shared.refusal(&ticket, cause)));
        }
    }

    /// Ends every operation after a panic that was none of theirs.
    pub(crate) fn fail_all(&self, panic: &str) {
        let tickets: Vec<_> = self.live.borrow().values().cloned().collect();
        for ticket in tickets {
            drop(self.take_pending(ticket.id));
            self.finish(&ticket, Err(Error::Panic(panic.to_owned())));
        }
    }

    /// Ends operations whose promise the collector found unreachable; `cause` says what that means.
    pub(crate) fn end_unreachable(&self, cause: Cause) {
        for op in self.unreachable.take() {
            if let Some(Pending { ticket, .. }) = self.take_pending(op) {
                if ticket.stop.get().is_none() {
                    self.shared.counters.stopped(cause);
                }
                // What was stopped may be what would have settled it.
                let cause = ticket.stop.get().unwrap_or(cause);
                self.finish(&ticket, Err(self.error_for(&ticket, cause)));
            }
        }
    }

    /// Ends blocking operations that wait for a loop which they themselves block: every host call in flight is a task of that loop.
    pub(crate) fn end_blocked(&self) {
        // A timer may settle what they wait for.
        if self.shared.counters.timers.any() {
            return;
        }
        let blocked: Vec<_> = {
            let calls = self.calls.borrow();
            let live = self.live.borrow();
            let tasks_of = |ticket: &Ticket| {
                !calls.is_empty()
                    && calls.values().all(|expected| {
                        let waits = expected.owner.and_then(|id| live.get(&id)).is_none_or(|owner| !owner.blocking);
                        waits && expected.queue.as_ref().is_some_and(|queue| Arc::ptr_eq(queue, ticket.queue()))
                    })
            };
            let pending = self.pending.borrow();
            pending
                .values()
                .filter(|pending| pending.ticket.blocking && pending.ticket.queue().is_blocked_loop() && tasks_of(&pending.ticket))
                .map(|pending| Arc::clone(&pending.ticket))
                .collect()
        };
        for ticket in blocked {
            drop(self.take_pending(ticket.id));
            self.finish(
                &ticket,
                Err(Error::Deadlock(
                    "a blocking call waits for JavaScript, JavaScript waits for async host functions, and these need the event loop that the blocking call keeps from running. Await eval_async (or call_async) on this loop instead"
                        .into(),
                )),
            );
        }
    }

    /// Whether an operation is neither ended nor about to.
    pub(crate) fn is_live(&self, op: OpId) -> bool {
        self.live.borrow().get(&op).is_some_and(|ticket| ticket.stop.get().is_none())
    }

    /// How many operations wait for a promise.
    pub(super) fn waiting_count(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Whether an operation waits for a promise.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// Whether microtasks were dropped since the last call.
    pub(crate) fn take_dropped(&self) -> bool {
        self.dropped_microtasks.take()
    }

    /// Housekeeping after each message: what other threads and the collector released.
    pub(crate) fn tidy(&self, scope: &mut v8::PinScope<'_, '_>) {
        self.load_modules(scope);
        self.sweep(scope);
        if self.entries.borrow().is_empty() {
            self.keep_code(scope);
        }
        self.recover(scope);
    }

    /// After a heap limit, once the stack is clear: frees what can be freed, and says whether that is enough.
    pub(super) fn recover(&self, scope: &mut v8::PinScope<'_, '_>) {
        if (self.heap_exceeded.get() || self.near_limit.get()) && self.entries.borrow().is_empty() {
            // V8 may have asked for room after the last look: the next operation must not be taken for the one that filled the heap.
            self.near_limit.set(false);
            self.heap_exceeded.set(false);
            self.heap_blamed.set(false);
            crate::limits::recover_heap(scope, self);
        }
    }
}

fn settle_from_callback<'s>(scope: &mut v8::PinScope<'s, '_>, args: &v8::FunctionCallbackArguments<'s>, fulfilled: bool) {
    let state = state_of(scope);
    let op = args.data().number_value(scope).unwrap_or(0.0) as OpId;
    state.settled(scope, op, args.get(0), fulfilled);
}

fn on_fulfilled<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    settle_from_callback(scope, &args, true);
}

fn on_rejected<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    settle_from_callback(scope, &args, false);
}
