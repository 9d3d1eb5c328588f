//! The isolate's loop: the next message or the next turn of the event loop, whichever is ready; parks when neither.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use flume::r#async::RecvFut;

use super::message::Message;
use crate::commands::serve;
use crate::engine::Engine;
use crate::reply::Cause;

/// Messages handled before the event loop gets its turn.
const BATCH: usize = 64;
/// How long an isolate is idle before the first look for promises that nothing can settle.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// Looks per spell of idleness; each waits twice as long as the one before.
const LOOKS: u32 = 5;

/// Remembers that deno_core's event loop wants a turn.
struct LoopWaker {
    wanted: AtomicBool,
    thread: parking_lot::Mutex<Option<Waker>>,
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        self.wanted.store(true, Ordering::Release);
        if let Some(waker) = self.thread.lock().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// Drives one engine.
pub(super) struct Driver {
    engine: Engine,
    /// What deno_core wakes.
    loop_waker: Arc<LoopWaker>,
    /// JavaScript ran since the event loop's last turn.
    dirty: bool,
    /// The wait for a message, while parked.
    mail: Option<RecvFut<'static, Message>>,
    /// When the thread went to sleep.
    asleep_since: Option<Instant>,
    /// The wait for the next look for unreachable promises.
    look: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Looks made in this spell of idleness.
    looks_done: u32,
}

impl Driver {
    pub(super) fn new(engine: Engine) -> Self {
        let loop_waker = Arc::new(LoopWaker { wanted: AtomicBool::new(true), thread: parking_lot::Mutex::new(None) });
        Self { engine, loop_waker, dirty: true, mail: None, asleep_since: None, look: None, looks_done: 0 }
    }

    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// Ready when the isolate is to end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        *self.loop_waker.thread.lock() = Some(cx.waker().clone());
        // A wait that is still registered would take the wake-up for a message from whoever receives inside a host call.
        self.mail = None;
        loop {
            let served = self.serve_batch();
            if self.engine.state.shared.is_closing() || self.engine.state.snapshot_for.borrow().is_some() {
                return Poll::Ready(());
            }
            if let Some(cause) = self.engine.state.shared.stopped() {
                self.engine.state.end_all(cause);
            }
            if self.engine.state.take_dropped() && self.engine.state.has_pending() {
                self.engine.collect();
                self.engine.state.end_unreachable(Cause::Lost);
            }
            if self.loop_waker.wanted.swap(false, Ordering::AcqRel) || (self.dirty && self.engine.state.has_pending()) {
                self.turn();
            }
            if served > 0 || self.engine.state.spin_for_message() {
                continue;
            }
            if self.dirty {
                self.turn();
                continue;
            }
            if self.poll_mail(cx) || self.poll_look(cx) || self.loop_waker.wanted.load(Ordering::Acquire) {
                continue;
            }
            return Poll::Pending;
        }
    }

    /// Handles what is in the mailbox, up to a batch; returns how many.
    fn serve_batch(&mut self) -> usize {
        let mut served = 0;
        while served < BATCH {
            let deferred = self.engine.state.deferred.borrow_mut().pop_front();
            let Some(message) = deferred.or_else(|| self.take_mail()) else { break };
            self.serve(message);
            served += 1;
            if self.engine.state.shared.is_closing() {
                break;
            }
        }
        served
    }

    fn take_mail(&self) -> Option<Message> {
        let message = self.engine.state.mailbox.try_recv().ok()?;
        self.engine.state.shared.took_mail();
        Some(message)
    }

    fn serve(&mut self, message: Message) {
        if let Some(since) = self.asleep_since.take() {
            self.engine.state.learn(since.elapsed());
        }
        self.dirty |=
            matches!(message, Message::Request(..) | Message::Answer(..) | Message::Inspect | Message::Resume(_) | Message::Leave(..));
        if self.dirty {
            self.looks_done = 0;
            self.look = None;
        }
        self.engine.scoped(|scope, state| serve(scope, state, message));
    }

    /// One turn of deno_core's event loop.
    fn turn(&mut self) {
        self.dirty = false;
        let waker = Waker::from(Arc::clone(&self.loop_waker));
        self.engine.poll_event_loop(&mut Context::from_waker(&waker));
    }

    /// Waits for mail; true if a message came and was handled.
    fn poll_mail(&mut self, cx: &mut Context<'_>) -> bool {
        let mailbox = &self.engine.state.mailbox;
        // Always a fresh future: one that was woken for a message taken by another path could miss the next.
        let mail = self.mail.insert(mailbox.clone().into_recv_async());
        let Poll::Ready(message) = Pin::new(mail).poll(cx) else {
            if self.asleep_since.is_none() {
                self.asleep_since = Some(Instant::now());
                self.engine.publish_heap();
            }
            return false;
        };
        self.mail = None;
        if let Ok(message) = message {
            self.engine.state.shared.took_mail();
            self.serve(message);
        }
        true
    }

    /// Looks for promises that nothing can settle, some time after going idle; true if it looked.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.engine.state.has_pending() || self.looks_done >= LOOKS {
            return false;
        }
        let wait = FIRST_LOOK * 2u32.pow(self.looks_done);
        let sleep = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep_until((Instant::now() + wait).into())));
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.look = None;
        self.looks_done += 1;
        self.engine.collect();
        self.engine.state.end_unreachable(Cause::Unreachable);
        self.engine.state.end_blocked();
        true
    }
}
