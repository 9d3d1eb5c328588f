//! One isolate's side of the inspector: carries out errands, holds user code back until clients let it start, and says when it may.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use deno_core::v8;
use serde_json::json;

use super::agent::{Agent, Session};
use super::heap;
use super::inbox::{Errand, Inspect, InspectRequest, Said, SessionId};
use super::method::Pace;
use super::outlet::Receiver;
use crate::commands::Command;
use crate::engine::State;
use crate::isolate::Message;
use crate::reply::Ticket;
use crate::value::Value;

/// What an isolate knows of its inspector.
#[derive(Default)]
pub(crate) struct Inspection {
    agent: RefCell<Option<std::rc::Rc<Agent>>>,
    /// JavaScript is paused.
    pub(super) paused: Cell<bool>,
    /// V8 wants the pause to end.
    pub(super) quit: Cell<bool>,
    /// User code waits for a client. Set once, before anything runs.
    waiting: OnceCell<Cell<bool>>,
    /// The first debugger pauses at the next statement.
    break_next: OnceCell<Cell<bool>>,
    /// Requests that wait for a client.
    held: RefCell<VecDeque<Message>>,
    /// An interrupt carries out errands at this moment.
    interrupted: Cell<bool>,
}

impl Inspection {
    /// Before anything runs: makes the inspector, if clients may come, so that they find what was said before; and holds user code back from here
    /// on, if the configuration says so.
    pub(crate) fn begin(&self, scope: &mut v8::PinScope<'_, '_>, state: &State) {
        if let Some(options) = &state.shared.config.inspector {
            self.agent(scope, state);
            let _ = self.waiting.set(Cell::new(options.wait_for_connection));
            let _ = self.break_next.set(Cell::new(options.break_on_next_statement));
        }
    }

    fn is_waiting(&self) -> bool {
        self.waiting.get().is_some_and(Cell::get)
    }

    /// Whether this request must wait for a client; it then stays here. What is asked from inside JavaScript that runs already does not.
    pub(crate) fn holds(&self, ticket: &Ticket, command: &Command) -> bool {
        let runs_code = matches!(command, Command::Eval(_) | Command::EvalModule(_) | Command::Call(_) | Command::Await(_));
        self.is_waiting() && runs_code && ticket.chain.is_none()
    }

    /// Keeps a request until a client lets user code run.
    pub(crate) fn hold(&self, message: Message) {
        self.held.borrow_mut().push_back(message);
    }

    /// What is held back, to be refused.
    pub(crate) fn take_held(&self) -> VecDeque<Message> {
        self.held.take()
    }

    /// Lets user code run.
    pub(super) fn release(&self, state: &State) {
        let Some(waiting) = self.waiting.get() else { return };
        if waiting.replace(false) {
            // Ahead of what was put off later.
            let mut deferred = state.deferred.borrow_mut();
            for message in self.take_held().into_iter().rev() {
                deferred.push_front(message);
            }
        }
        if let Some(target) = state.shared.target() {
            target.started();
        }
    }

    /// Whether a client debugs.
    pub(super) fn is_debugged(&self) -> bool {
        self.known_agent().is_some_and(|agent| agent.is_debugged())
    }

    /// The inspector, if anybody has needed it.
    pub(super) fn known_agent(&self) -> Option<std::rc::Rc<Agent>> {
        self.agent.borrow().clone()
    }

    fn agent(&self, scope: &mut v8::PinScope<'_, '_>, state: &State) -> std::rc::Rc<Agent> {
        if let Some(agent) = self.known_agent() {
            return agent;
        }
        let agent = std::rc::Rc::new(Agent::new(scope, state));
        *self.agent.borrow_mut() = Some(std::rc::Rc::clone(&agent));
        agent
    }

    /// Carries out everything that waits.
    pub(super) fn perform_all(&self, scope: &mut v8::PinScope<'_, '_>, state: &State) {
        while !self.quit.get()
            && let Some(errand) = state.shared.inbox.take()
        {
            self.perform(scope, state, errand);
        }
    }

    fn perform(&self, scope: &mut v8::PinScope<'_, '_>, state: &State, errand: Errand) {
        match errand {
            Errand::Connect(id, outlet) => {
                self.agent(scope, state).open(state, id, Receiver::Client(outlet));
            }
            Errand::Say(id, said) => self.say(scope, state, id, said),
            Errand::Disconnect(id) => {
                if let Some(agent) = self.known_agent() {
                    agent.close(state, id);
                }
            }
            Errand::Release => self.release(state),
            Errand::Ask(ticket, inspect) => self.ask(scope, state, ticket, inspect),
        }
    }

    fn say(&self, scope: &mut v8::PinScope<'_, '_>, state: &State, id: SessionId, said: Said) {
        let Some(session) = self.known_agent().and_then(|agent| agent.session(id)) else { return };
        if said.method == "Runtime.terminateExecution" {
            // V8's own would stop the next run, when nothing runs now.
            if self.interrupted.get() || self.paused.get() {
                state.stop_running(scope);
                self.quit.set(true);
            }
            tell(&session, &json!({"id": said.call, "result": {}}));
            return;
        }
        if state.shared.is_stopped() && Pace::of(&said.method) == Pace::Code {
            let error = json!({"code": -32000, "message": "the runtime was terminated"});
            tell(&session, &json!({"id": said.call, "error": error}));
            return;
        }
        if said.method == "Debugger.resume" && self.paused.get() && ends_on_resume(&said.text) {
            state.stop_running(scope);
            session.dispatch(&json!({"id": said.call, "method": said.method}).to_string());
            return;
        }
        match said.method.as_str() {
            "Debugger.enable" => session.debugs.set(true),
            "Debugger.disable" => session.debugs.set(false),
            _ => {}
        }
        session.dispatch(&said.text);
        if !self.is_waiting() && session.debugs.get() && self.break_next.get().is_some_and(|once| once.replace(false)) {
            session.break_next();
        }
    }

    fn ask(&self, scope: &mut v8::PinScope<'_, '_>, state: &State, ticket: Arc<Ticket>, inspect: Inspect) {
        if ticket.is_answered() || ticket.stop.get().is_some() {
            state.shared.unwatch(&ticket);
            return;
        }
        let outcome = match inspect.request {
            InspectRequest::Call { method, params } => {
                let (session, asked) = self.agent(scope, state).host_session(state, inspect.session);
                let call = asked.add(ticket);
                session.dispatch(&format!(r#"{{"id":{call},"method":{},"params":{params}}}"#, json!(method)));
                return;
            }
            InspectRequest::Close => {
                if let Some(agent) = self.known_agent() {
                    agent.close(state, inspect.session);
                }
                Ok(Value::Undefined)
            }
            InspectRequest::HeapSnapshot(file) => heap::write(scope, &ticket, file).map(|()| Value::Undefined),
        };
        state.shared.unwatch(&ticket);
        ticket.answer(outcome);
    }

    /// Frees V8's inspector, before the isolate goes.
    pub(crate) fn shut(&self, scope: &mut v8::PinScope<'_, '_>, state: &State) {
        for message in self.take_held() {
            state.shared.refuse(message);
        }
        if let Some(agent) = self.agent.take() {
            agent.shut(scope, state);
        }
    }
}

/// Whether the client wants what is paused to end. V8's own way leaves no cause.
fn ends_on_resume(text: &str) -> bool {
    let message = serde_json::from_str::<serde_json::Value>(text);
    message.is_ok_and(|message| message["params"]["terminateOnResume"] == true)
}

fn tell(session: &Session, answer: &serde_json::Value) {
    if let Receiver::Client(outlet) = &session.receiver {
        outlet.send(answer.to_string());
    }
}

/// There are errands, and the isolate's thread took note of it between two requests, or while JavaScript waits for the host.
pub(crate) fn serve(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    state.shared.inbox.announcement_taken();
    if state.is_running() {
        quietly(scope, state);
        if state.shared.inbox.has_errands() {
            // For when JavaScript has left the stack.
            state.deferred.borrow_mut().push_back(Message::Inspect);
        }
        return;
    }
    while let Some(errand) = state.shared.inbox.take() {
        state.turn(scope, None, |scope| state.inspection.perform(scope, state, errand));
    }
}

/// V8 interrupted running JavaScript: errands that run no code themselves are carried out.
pub(crate) fn interrupted(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    quietly(scope, state);
}

fn quietly(scope: &mut v8::PinScope<'_, '_>, state: &State) {
    let inspection = &state.inspection;
    if inspection.interrupted.replace(true) {
        return;
    }
    while let Some(errand) = state.shared.inbox.take_quiet() {
        inspection.perform(scope, state, errand);
    }
    inspection.interrupted.set(false);
}
