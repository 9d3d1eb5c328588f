//! Takes one message off the mailbox and sends it where it belongs.

use std::sync::Arc;

use deno_core::v8;

use super::{AwaitPromise, Bind, Call, Eval, EvalModule, Read, Tell};
use crate::engine::{Run, State};
use crate::error::Error;
use crate::host::settle_call;
use crate::inspector::{self, Inspect};
use crate::isolate::Message;
use crate::reply::Ticket;
use crate::snapshot::Source;
use crate::stats::Kind;
use crate::value::Value;

/// One request to an isolate.
#[derive(Debug)]
pub enum Command {
    /// Evaluate a script.
    Eval(Eval),
    /// Evaluate a module.
    EvalModule(EvalModule),
    /// Call a function by handle.
    Call(Call),
    /// Wait for a promise by handle.
    Await(AwaitPromise),
    /// Wait for a stream's next chunk.
    Read(Read),
    /// Do something to a stream.
    Tell(Tell),
    /// Put something on the global.
    Bind(Bind),
    /// End the isolate, and make a snapshot of it: whether module, name and text of everything it was made from.
    Snapshot(Vec<(bool, String, String)>),
    /// Ask the inspector, on the host's behalf.
    Inspect(Inspect),
}

impl Command {
    /// What it does, if that is to run or await the user's JavaScript.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Eval(_) => Some(Kind::Eval),
            Self::EvalModule(_) => Some(Kind::EvalModule),
            Self::Call(_) => Some(Kind::Call),
            Self::Await(_) => Some(Kind::Await),
            _ => None,
        }
    }

    fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        match self {
            Self::Eval(command) => command.run(scope, state),
            Self::EvalModule(command) => command.run(scope, state),
            Self::Call(command) => command.run(scope, state),
            Self::Await(command) => command.run(scope, state),
            Self::Read(command) => command.run(state),
            Self::Tell(command) => command.run(scope, state),
            Self::Bind(command) => command.run(scope, state),
            // Taken out before: one ends the isolate, the other goes through the inspector's inbox.
            Self::Snapshot(_) | Self::Inspect(_) => Err(Error::Closed),
        }
    }
}

/// Handles one message. Called by the driver, and by a synchronous host call that waits for its answer.
pub(crate) fn serve(scope: &mut v8::PinScope<'_, '_>, state: &State, message: Message) {
    match message {
        Message::Request(ticket, command) => request(scope, state, ticket, command),
        Message::Answer(call, outcome) if state.waiting.borrow().contains(&call) => {
            state.answered.borrow_mut().insert(call, outcome);
        }
        Message::Answer(call, outcome) => settle_call(scope, state, call, outcome),
        Message::Stop(ticket) => state.stop_operation(&ticket),
        Message::Resume(stream) => state.resume_stream(scope, stream),
        Message::Leave(stream, why) => state.leave_stream(scope, stream, why),
        Message::Home => state.redeliver(),
        Message::Wake => {}
        Message::Inspect => inspector::serve(scope, state),
        #[cfg(test)]
        Message::Panic => std::panic::resume_unwind(Box::new("on purpose")),
    }
    state.tidy(scope);
}

/// Runs the script that comes before everything else, on behalf of the ticket that waits for the isolate. It counts as no evaluation.
pub(crate) fn bootstrap(scope: &mut v8::PinScope<'_, '_>, state: &State, ready: Arc<Ticket>, script: &str) {
    let eval = Eval { code: Value::text(script), filename: Some("<bootstrap>".into()) };
    state.operate(scope, ready, |scope, state| eval.run(scope, state).map(|run| without_value(scope, run)));
    state.tidy(scope);
}

/// Nobody gets the value of a script that comes before everything else: it need not have a form outside.
fn without_value<'s>(scope: &mut v8::PinScope<'s, '_>, run: Run<'s>) -> Run<'s> {
    fn nothing(_: &mut v8::PinScope<'_, '_>, _: v8::FunctionCallbackArguments<'_>, _: v8::ReturnValue<'_>) {}
    let (Run::Value(value) | Run::Repl(value)) = run else { return run };
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) else { return Run::Value(v8::undefined(scope).into()) };
    let settled = v8::Function::new(scope, nothing).and_then(|nothing| promise.then(scope, nothing));
    settled.map_or(Run::Threw, |settled| Run::Value(settled.into()))
}

fn request(scope: &mut v8::PinScope<'_, '_>, state: &State, ticket: Arc<Ticket>, command: Command) {
    // First of all: JavaScript may be waiting for someone to run a call that belongs to nobody.
    state.adopt_orphans(&ticket);
    let nested = !state.waiting.borrow().is_empty();
    let belongs = ticket.chain.is_some_and(|call| state.waiting.borrow().contains(&call));
    if nested && !belongs && !state.shared.is_stopped() {
        // Not of the waiting call chain: it runs when JavaScript has left the stack.
        state.deferred.borrow_mut().push_back(Message::Request(ticket, command));
        return;
    }
    if ticket.is_answered() {
        state.shared.unwatch(&ticket);
        return;
    }
    if let Some(cause) = state.shared.stopped().or_else(|| ticket.stop.get()) {
        state.shared.unwatch(&ticket);
        ticket.answer(Err(state.shared.refusal(&ticket, cause)));
        return;
    }
    if state.inspection.holds(&ticket, &command) {
        state.inspection.hold(Message::Request(ticket, command));
        return;
    }
    if let Command::Snapshot(sources) = command {
        let sources = sources.into_iter().map(|(is_module, name, text)| Source { is_module, name, text }).collect();
        state.snapshot_for.replace(Some((ticket, sources)));
        return;
    }
    if let Some(kind) = command.kind() {
        state.shared.counters.kind(kind, ticket.blocking);
    }
    state.operate(scope, ticket, |scope, state| command.run(scope, state));
}
