//! One isolate as clients find it: its unguessable id, its URLs, and the way to its inbox.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::inbox::Errand;
use super::options::InspectorOptions;
use crate::isolate::{Message, Shared};

/// Sessions of one isolate at a time.
const MOST_SESSIONS: usize = 64;

/// Where an isolate is inspected.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The isolate's id: whoever knows it may run code there.
    pub id: String,
    /// For clients of the protocol.
    pub websocket_url: String,
    /// For Chromium's address bar.
    pub devtools_frontend_url: String,
    /// Its name.
    pub title: String,
    /// What it is.
    pub description: String,
    /// What clients show as its URL.
    pub target_url: String,
    /// Its icon.
    pub favicon_url: String,
    /// Address and port of the server.
    pub host: String,
}

/// An isolate that can be inspected.
#[derive(Debug)]
pub struct Target {
    /// How it is reached.
    pub endpoints: Endpoints,
    isolate: Weak<Shared>,
    sessions: AtomicUsize,
    /// User code waits for a client.
    waits: AtomicBool,
    gone: watch::Sender<bool>,
}

/// A session's place among those of its target; given back when dropped.
pub(super) struct Place(Arc<Target>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Target {
    pub(super) fn new(isolate: &Arc<Shared>, options: &InspectorOptions, address: SocketAddr, id: String) -> Self {
        let host = address.to_string();
        let path = format!("{host}/ws/{id}");
        let title = options.display_name.clone();
        let endpoints = Endpoints {
            websocket_url: format!("ws://{path}"),
            devtools_frontend_url: format!("devtools://devtools/bundled/js_app.html?ws={path}&experiments=true&v8only=true"),
            title: title.unwrap_or_else(|| format!("jsrun runtime {} [pid: {}]", isolate.id, std::process::id())),
            description: "jsrun".to_owned(),
            target_url: options.target_url.clone().unwrap_or_else(|| "jsrun://runtime".to_owned()),
            favicon_url: String::new(),
            host,
            id,
        };
        let waits = AtomicBool::new(options.wait_for_connection);
        Self { endpoints, isolate: Arc::downgrade(isolate), sessions: AtomicUsize::new(0), waits, gone: watch::Sender::new(false) }
    }

    /// Its entry in `/json/list`.
    pub(super) fn document(&self) -> Value {
        let endpoints = &self.endpoints;
        json!({
            "id": endpoints.id,
            "type": "node",
            "title": endpoints.title,
            "description": endpoints.description,
            "url": endpoints.target_url,
            "faviconUrl": endpoints.favicon_url,
            "webSocketDebuggerUrl": endpoints.websocket_url,
            "devtoolsFrontendUrl": endpoints.devtools_frontend_url,
        })
    }

    /// A place for one more session, if there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = self.sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < MOST_SESSIONS).then_some(count + 1));
        place.ok().map(|_| Place(Arc::clone(self)))
    }

    /// Sessions that there are.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Acquire)
    }

    /// Gives the isolate something to do; false when it is gone.
    pub(super) fn send(&self, errand: Errand) -> bool {
        self.isolate.upgrade().is_some_and(|isolate| isolate.run_errand(errand).is_ok())
    }

    /// Has the isolate's thread look around.
    pub(super) fn poke(&self) {
        if let Some(isolate) = self.isolate.upgrade() {
            isolate.inbox.poke();
        }
    }

    /// Whether user code waits for a client.
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    /// User code waits no longer.
    pub(super) fn started(&self) {
        self.waits.store(false, Ordering::Release);
    }

    /// The isolate is gone: sessions end.
    pub(super) fn leave(&self) {
        self.gone.send_replace(true);
    }

    /// Waits until the isolate is gone.
    pub(super) async fn gone(&self) {
        let mut gone = self.gone.subscribe();
        // An error means that the target itself is gone.
        let _ = gone.wait_for(|gone| *gone).await;
    }
}

impl Shared {
    /// How the isolate is inspected, if it is.
    pub fn target(&self) -> Option<&Arc<Target>> {
        self.target.get()
    }

    /// Gives the isolate's thread an errand, whatever the thread is doing: idle, in JavaScript, or paused.
    pub(super) fn run_errand(&self, errand: Errand) -> Result<(), Errand> {
        if crate::isolate::is_forked() {
            // The parent's locks may be held by threads that do not exist here.
            return Err(errand);
        }
        let (mailbox, v8) = self.inbox.push(errand)?;
        if mailbox {
            self.post(Message::Inspect);
        }
        if v8 {
            self.interrupt_now();
        }
        Ok(())
    }

    /// Answers requests that came too late.
    pub(crate) fn close_inbox(&self) {
        for errand in self.inbox.close() {
            self.refuse_errand(errand);
        }
    }

    /// Ends a session of the host's.
    pub fn end_session(&self, session: u64) {
        // Too late: it ended with the isolate.
        let _ = self.run_errand(Errand::Disconnect(session));
    }

    /// Asks the inspector on the host's behalf.
    pub(crate) fn inspect(&self, ticket: Arc<crate::reply::Ticket>, inspect: super::Inspect) {
        if let Err(errand) = self.run_errand(Errand::Ask(ticket, inspect)) {
            self.refuse_errand(errand);
        }
    }

    fn refuse_errand(&self, errand: Errand) {
        if let Errand::Ask(ticket, _) = errand {
            self.unwatch(&ticket);
            let cause = self.stopped().unwrap_or(crate::reply::Cause::Closed);
            ticket.answer(Err(ticket.error_for(cause, self.config.max_heap_size)));
        }
    }
}
