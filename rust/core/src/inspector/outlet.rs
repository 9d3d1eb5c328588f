//! Where V8's answers and news of one session go: to a socket's writer, or to the host's tickets.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deno_core::v8::UniquePtr;
use deno_core::v8::inspector::{ChannelImpl, StringBuffer, StringView};
use tokio::sync::mpsc::UnboundedSender;

use crate::isolate::Shared;
use crate::reply::Ticket;
use crate::value::Value;

/// Bytes on their way to one client, above which heap snapshots wait for it and other news end its session.
const MOST: usize = 64 << 20;

/// What is on its way to one client, in bytes.
#[derive(Debug, Default)]
pub(super) struct Backlog(AtomicUsize);

impl Backlog {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts what was written; true if the client has caught up with that.
    pub(super) fn written(&self, bytes: usize) -> bool {
        let before = self.0.fetch_sub(bytes, Ordering::AcqRel);
        before > MOST / 2 && before - bytes <= MOST / 2
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Acquire) > MOST
    }
}

/// What the writer of a socket is told.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A message of V8's.
    Message(String),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The connection ends, with this status.
    Close(u16, &'static str),
}

/// The way to one client's writer.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) sender: UnboundedSender<Outgoing>,
    pub(super) backlog: Arc<Backlog>,
}

impl Outlet {
    /// Sends without waiting; false when the client is gone, or is given up because it does not read.
    pub(super) fn send(&self, text: String) -> bool {
        if self.backlog.is_full() {
            let _ = self.sender.send(Outgoing::Close(1013, "the client does not read what it asked for"));
            return false;
        }
        self.backlog.add(text.len());
        self.sender.send(Outgoing::Message(text)).is_ok()
    }

    /// Waits while the client is behind. Returns early when it is gone, or the isolate must stop.
    fn wait(&self, shared: &Shared) {
        while self.backlog.is_full() && !self.sender.is_closed() && !shared.is_stopped() {
            shared.inbox.wait();
        }
        // Whoever waits further out on this stack looks around too.
        shared.inbox.poke();
    }
}

/// Host calls that wait for V8's response.
#[derive(Debug, Default)]
pub(super) struct Asked {
    next: Cell<i32>,
    tickets: RefCell<HashMap<i32, Arc<Ticket>>>,
}

impl Asked {
    /// Numbers a call.
    pub(super) fn add(&self, ticket: Arc<Ticket>) -> i32 {
        let call = self.next.get() + 1;
        self.next.set(call);
        self.tickets.borrow_mut().insert(call, ticket);
        call
    }

    /// The session ends: nobody answers any more.
    pub(super) fn drain(&self) -> Vec<Arc<Ticket>> {
        self.tickets.take().into_values().collect()
    }
}

/// The two kinds of receivers.
#[derive(Clone)]
pub(super) enum Receiver {
    Client(Outlet),
    Host(Rc<Asked>),
}

/// V8's channel of one session.
pub(super) struct Channel {
    pub(super) receiver: Receiver,
    pub(super) shared: Arc<Shared>,
    /// The session ended: nothing is sent any more, though V8 may still have something to say.
    pub(super) ended: Rc<Cell<bool>>,
}

impl Channel {
    fn tell(&self, message: &StringBuffer, snapshot: bool) {
        if self.ended.get() {
            return;
        }
        if let Receiver::Client(outlet) = &self.receiver {
            if snapshot {
                outlet.wait(&self.shared);
            }
            if !outlet.send(text_of(message.string())) {
                self.ended.set(true);
            }
        }
    }
}

/// The text of a view; both kinds of V8 strings.
pub(super) fn text_of(view: StringView<'_>) -> String {
    match view {
        StringView::U8(characters) if characters.is_ascii() => String::from_utf8_lossy(&characters).into_owned(),
        StringView::U8(characters) => characters.iter().map(|unit| char::from(*unit)).collect(),
        StringView::U16(units) => String::from_utf16_lossy(&units),
    }
}

fn is_snapshot_chunk(message: &StringBuffer) -> bool {
    const HEAD: &[u8] = br#"{"method":"HeapProfiler.addHeapSnapshotChunk""#;
    match message.string() {
        StringView::U8(characters) => characters.starts_with(HEAD),
        StringView::U16(units) => units.len() >= HEAD.len() && units.iter().zip(HEAD).all(|(unit, byte)| *unit == u16::from(*byte)),
    }
}

impl ChannelImpl for Channel {
    fn send_response(&self, call_id: i32, mut message: UniquePtr<StringBuffer>) {
        let Some(message) = message.as_mut() else { return };
        if let Receiver::Host(asked) = &self.receiver {
            let ticket = asked.tickets.borrow_mut().remove(&call_id);
            if let Some(ticket) = ticket {
                self.shared.unwatch(&ticket);
                ticket.answer(Ok(Value::text(text_of(message.string()))));
            }
            return;
        }
        self.tell(message, false);
    }

    fn send_notification(&self, mut message: UniquePtr<StringBuffer>) {
        if let Some(message) = message.as_mut() {
            self.tell(message, is_snapshot_chunk(message));
        }
    }

    fn flush_protocol_notifications(&self) {}
}
