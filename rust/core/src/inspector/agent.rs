//! V8's inspector of one isolate, with its sessions. Made when the first client or profiler needs it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use deno_core::v8;
use deno_core::v8::inspector::{StringView, V8Inspector, V8InspectorClient, V8InspectorClientTrustLevel, V8InspectorSession};

use super::inbox::SessionId;
use super::outlet::{Asked, Channel, Receiver};
use super::pause::Client;
use crate::engine::{State, state_of};
use crate::error::Error;

/// The one context group of an isolate.
pub(super) const GROUP: i32 = 1;

/// One client's session.
pub(super) struct Session {
    v8: V8InspectorSession,
    pub(super) receiver: Receiver,
    /// Nobody listens any more.
    ended: Rc<Cell<bool>>,
    /// Its debugger is enabled.
    pub(super) debugs: Cell<bool>,
}

impl Session {
    /// Has V8 carry out a message.
    pub(super) fn dispatch(&self, text: &str) {
        if text.is_ascii() {
            self.v8.dispatch_protocol_message(StringView::from(text.as_bytes()));
        } else {
            let units: Vec<u16> = text.encode_utf16().collect();
            self.v8.dispatch_protocol_message(StringView::from(units.as_slice()));
        }
    }

    /// Pauses before the next statement.
    pub(super) fn break_next(&self) {
        self.v8.schedule_pause_on_next_statement(StringView::from(&b"Break on start"[..]), StringView::from(&b"{}"[..]));
    }
}

/// V8's inspector. Field order is drop order: sessions go before what they belong to.
pub(super) struct Agent {
    sessions: RefCell<BTreeMap<SessionId, Rc<Session>>>,
    inspector: V8Inspector,
}

impl Agent {
    /// Makes the inspector and tells it of the context.
    pub(super) fn new(scope: &mut v8::PinScope<'_, '_>, state: &State) -> Self {
        let client = Client::new(Rc::downgrade(&state_of(scope)), state.isolate, state.context.clone());
        let inspector = V8Inspector::create(scope, V8InspectorClient::new(Box::new(client)));
        let context = v8::Local::new(scope, &state.context);
        let name = state.shared.target().map_or_else(|| "jsrun".to_owned(), |target| target.endpoints.title.clone());
        let name: Vec<u16> = name.encode_utf16().collect();
        inspector.context_created(context, GROUP, StringView::from(name.as_slice()), StringView::from(&br#"{"isDefault":true}"#[..]));
        Self { sessions: RefCell::default(), inspector }
    }

    /// Opens a session.
    pub(super) fn open(&self, state: &State, id: SessionId, receiver: Receiver) -> Rc<Session> {
        let ended = Rc::new(Cell::new(false));
        let channel = Channel { receiver: receiver.clone(), shared: Arc::clone(&state.shared), ended: Rc::clone(&ended) };
        let channel = v8::inspector::Channel::new(Box::new(channel));
        let v8 = self.inspector.connect(GROUP, channel, StringView::empty(), V8InspectorClientTrustLevel::FullyTrusted);
        let session = Rc::new(Session { v8, receiver, ended, debugs: Cell::new(false) });
        self.sessions.borrow_mut().insert(id, Rc::clone(&session));
        session
    }

    /// The host's session with this number, opened if there is none.
    pub(super) fn host_session(&self, state: &State, id: SessionId) -> (Rc<Session>, Rc<Asked>) {
        let known = self.session(id);
        let session = known.unwrap_or_else(|| self.open(state, id, Receiver::Host(Rc::default())));
        let asked = match &session.receiver {
            Receiver::Host(asked) => Rc::clone(asked),
            Receiver::Client(_) => Rc::default(),
        };
        (session, asked)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<Rc<Session>> {
        self.sessions.borrow().get(&id).cloned()
    }

    /// Ends a session. V8's half goes now, or, if V8 is just carrying out a message of it further out on the stack, when that is done.
    pub(super) fn close(&self, state: &State, id: SessionId) {
        let Some(session) = self.sessions.borrow_mut().remove(&id) else { return };
        session.ended.set(true);
        session.debugs.set(false);
        if let Receiver::Host(asked) = &session.receiver {
            for ticket in asked.drain() {
                state.shared.unwatch(&ticket);
                ticket.answer(Err(Error::Inspector("the session was closed before V8 answered".into())));
            }
        }
        if Rc::strong_count(&session) > 1 {
            for domain in ["Debugger", "Profiler", "HeapProfiler", "Runtime"] {
                session.dispatch(&format!(r#"{{"id":0,"method":"{domain}.disable"}}"#));
            }
        }
    }

    /// Whether a client debugs: without one nobody can end a pause.
    pub(super) fn is_debugged(&self) -> bool {
        self.sessions.borrow().values().any(|session| session.debugs.get() && !session.ended.get())
    }

    /// V8's inspector itself.
    pub(super) fn inspector(&self) -> &V8Inspector {
        &self.inspector
    }

    /// Ends every session, before the isolate goes.
    pub(super) fn shut(&self, scope: &mut v8::PinScope<'_, '_>, state: &State) {
        let ids: Vec<_> = self.sessions.borrow().keys().copied().collect();
        for id in ids {
            self.close(state, id);
        }
        self.inspector.context_destroyed(v8::Local::new(scope, &state.context));
    }
}
