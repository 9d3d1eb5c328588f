//! What other threads see of an isolate: its mailbox, its stop flags, its release lists, its counters. Nothing of V8 but the thread-safe
//! handle.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use deno_core::v8;
use parking_lot::{Condvar, Mutex};

use super::census;
use super::message::{CallOutcome, InlineHost, Message};
use super::root;
use super::spares::Spares;
use crate::commands::Command;
use crate::completion::Queue;
use crate::config::Config;
use crate::error::{Error, JsException};
use crate::inspector::{self, Inbox, Target};
use crate::limits::{self, CpuMeter, Watchdog};
use crate::loan::Lending;
use crate::reply::{CallId, Cause, CauseCell, OpId, Ticket, Timeouts};
use crate::stats::Counters;
use crate::value::Value;

/// The thread-safe side of one isolate.
#[derive(Debug)]
pub struct Shared {
    /// Number of the isolate in this process, from 1.
    pub id: u64,
    /// What it was made with.
    pub config: Config,
    /// Sending end of the mailbox.
    mailbox: flume::Sender<Message>,
    /// Receiving end, to throw late messages away once the isolate is gone.
    leftovers: flume::Receiver<Message>,
    /// Messages sent and not taken, for a look without the mailbox's lock. Apart: all write it.
    mail: CachePadded<AtomicUsize>,
    /// Why the isolate accepts nothing any more.
    stopped: CauseCell,
    /// `close()` was called: the thread ends.
    closing: AtomicBool,
    /// The thread has freed everything.
    finished: Mutex<bool>,
    finished_signal: Condvar,
    /// Who waits for the end through a queue.
    closers: Mutex<Vec<Arc<Ticket>>>,
    /// The queue of the loop that background JavaScript calls.
    home: Mutex<Option<Arc<Queue>>>,
    /// V8's thread-safe handle.
    v8: OnceLock<v8::IsolateHandle>,
    /// Handle-table entries to free, posted from any thread.
    pub(super) releases: Mutex<Vec<u64>>,
    /// Host objects that the engine dropped, for the host to collect.
    pub(super) host_releases: Mutex<Vec<u64>>,
    /// Whether there may be some of them.
    pub(super) host_released: AtomicBool,
    /// Deadlines and stops.
    pub(crate) watchdog: Arc<Watchdog>,
    /// Time on the thread, for operations with a limit of it.
    pub(crate) cpu: CpuMeter,
    inline_host: Option<Arc<dyn InlineHost>>,
    /// Buffers for values on their way out.
    pub spares: Spares,
    /// Whether large results are lent.
    pub(crate) lending: Lending,
    /// Buffers for the stores of array buffers.
    pub stores: Arc<Spares>,
    /// What debuggers and profilers want.
    pub(crate) inbox: Inbox,
    /// Where debuggers find the isolate.
    pub(crate) target: OnceLock<Arc<Target>>,
    /// Figures for statistics.
    pub counters: Counters,
}

impl Shared {
    pub(super) fn new(id: u64, config: Config, inline_host: Option<Arc<dyn InlineHost>>) -> (Arc<Self>, flume::Receiver<Message>) {
        let (mailbox, receiver) = flume::unbounded();
        let shared = Self {
            id,
            config,
            mailbox,
            leftovers: receiver.clone(),
            mail: CachePadded::default(),
            stopped: CauseCell::default(),
            closing: AtomicBool::new(false),
            finished: Mutex::new(false),
            finished_signal: Condvar::new(),
            closers: Mutex::default(),
            home: Mutex::default(),
            v8: OnceLock::new(),
            releases: Mutex::default(),
            host_releases: Mutex::default(),
            host_released: AtomicBool::new(false),
            watchdog: Arc::default(),
            cpu: CpuMeter::default(),
            inline_host,
            spares: Spares::for_values(),
            lending: Lending::default(),
            stores: Arc::new(Spares::for_stores()),
            inbox: Inbox::default(),
            target: OnceLock::new(),
            counters: Counters::default(),
        };
        let shared = Arc::new(shared);
        census::enter(&shared);
        (shared, receiver)
    }

    // ---- mailbox -------------------------------------------------------------------------------------------------

    /// Sends a message. One that comes too late is dropped here, which answers its ticket as closed.
    pub(crate) fn post(&self, message: Message) {
        if root::is_forked() {
            // The parent's locks may be held by threads that do not exist here.
            std::mem::forget(message);
            return;
        }
        self.mail.fetch_add(1, Ordering::AcqRel);
        let _ = self.mailbox.send(message);
        // The mailbox's lock orders both: who throws away what waits has said before that it is closing.
        if self.is_closing() && self.is_finished() {
            self.throw_away();
        }
    }

    /// Whether a message waits.
    pub(crate) fn has_mail(&self) -> bool {
        self.mail.load(Ordering::Acquire) != 0
    }

    /// Messages that wait.
    pub(super) fn mail(&self) -> usize {
        self.mail.load(Ordering::Acquire)
    }

    /// A message was taken.
    pub(crate) fn took_mail(&self) {
        self.mail.fetch_sub(1, Ordering::AcqRel);
    }

    /// Answers a request that came too late. Its ticket may be held by the caller as well, so dropping it would not.
    pub(crate) fn refuse(&self, message: Message) {
        if let Message::Request(ticket, _) = message {
            self.unwatch(&ticket);
            ticket.answer(Err(self.refusal(&ticket, self.stopped().unwrap_or(Cause::Closed))));
        }
    }

    fn throw_away(&self) {
        while let Ok(message) = self.leftovers.try_recv() {
            self.took_mail();
            self.refuse(message);
        }
    }

    /// Answers a host call.
    pub fn answer_call(&self, call: CallId, outcome: CallOutcome) {
        self.post(Message::Answer(call, outcome));
    }

    /// Makes `queue`'s loop the one for background JavaScript, unless there is one already; returns whether it is. It stays so while the queue is open.
    pub fn offer_home(&self, queue: &Arc<Queue>) -> bool {
        {
            let mut home = self.home.lock();
            if self.is_closing() {
                return false;
            }
            if let Some(home) = home.as_ref().filter(|home| !home.is_closed()) {
                return Arc::ptr_eq(home, queue);
            }
            *home = Some(Arc::clone(queue));
        }
        self.post(Message::Home);
        true
    }

    /// The queue for background JavaScript.
    pub(crate) fn home(&self) -> Option<Arc<Queue>> {
        self.home.lock().clone()
    }

    /// A new host call number.
    pub fn next_call(&self) -> CallId {
        // Process-wide: the host keeps the calls of all isolates in one table.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Calls a host function on this thread, the isolate's.
    pub(crate) fn inline_call(&self, target: u64, args: Value) -> CallOutcome {
        match &self.inline_host {
            Some(host) => host.call(target, args),
            None => Err(Box::new(JsException {
                name: Some("Error".into()),
                message: "this host has no inline functions".into(),
                ..Default::default()
            })),
        }
    }

    // ---- stopping ------------------------------------------------------------------------------------------------

    /// Why the isolate accepts nothing any more.
    pub fn stopped(&self) -> Option<Cause> {
        self.stopped.get()
    }

    /// Whether it was terminated or closed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Whether `close()` was called.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether V8 runs something whose caller was released, or that nobody waits for any more.
    pub(crate) fn is_past_stop(&self) -> bool {
        self.is_closing() || self.is_stopped() || self.watchdog.is_draining()
    }

    /// Makes an operation stop for `cause`. Safe at any time, from any thread; too late is a no-op.
    pub fn stop(self: &Arc<Self>, ticket: &Arc<Ticket>, cause: Cause) {
        if root::is_forked() || !self.mark_stop(ticket, cause) {
            return;
        }
        ticket.mark_stopped(Instant::now());
        self.post_stop(ticket);
        self.interrupt_now();
        if self.is_finished() {
            ticket.answer(Err(ticket.error_for(cause, self.config.max_heap_size)));
        } else if !ticket.is_answered() {
            self.watchdog.watch(ticket, Instant::now());
        }
    }

    /// Records why an operation must stop; true, and counted, if nothing was recorded before.
    pub(crate) fn mark_stop(&self, ticket: &Ticket, cause: Cause) -> bool {
        let first = ticket.stop.set(cause);
        if first {
            self.counters.stopped(cause);
        }
        first
    }

    pub(crate) fn post_stop(&self, ticket: &Arc<Ticket>) {
        self.post(Message::Stop(Arc::clone(ticket)));
    }

    /// Stops everything, now and for ever. `close()` still works.
    pub fn terminate(&self) {
        self.halt(Cause::Terminated);
    }

    /// The heap stays full: nothing can run any more.
    pub(crate) fn condemn(&self) {
        self.halt(Cause::HeapLimit);
    }

    /// Ends the isolate. Returns at once; see [`Shared::wait_closed`].
    pub fn close(&self) {
        if root::is_forked() || self.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.halt(Cause::Closed);
        self.watchdog.hurry();
    }

    fn halt(&self, cause: Cause) {
        if root::is_forked() {
            return;
        }
        self.stopped.set(cause);
        self.interrupt_now();
        self.post(Message::Wake);
    }

    /// Asks V8 to look whether what runs must stop.
    pub(crate) fn interrupt_now(&self) {
        if let Some(handle) = self.v8.get() {
            limits::fire(handle);
        }
        self.inbox.poke();
    }

    pub(crate) fn set_v8_handle(&self, handle: v8::IsolateHandle) {
        let _ = self.v8.set(handle);
    }

    /// Starts watching an operation's deadline.
    pub(crate) fn watch(&self, ticket: &Arc<Ticket>) {
        if let Some((at, _)) = ticket.deadline {
            self.watchdog.watch(ticket, at);
        }
    }

    /// The operation ended.
    pub(crate) fn unwatch(&self, ticket: &Ticket) {
        ticket.mark_ended();
        if ticket.deadline.is_some() || ticket.stop.get().is_some() {
            self.watchdog.unwatch(ticket);
        }
    }

    pub(crate) fn has_overdue(&self) -> bool {
        self.watchdog.has_overdue()
    }

    // ---- the end -------------------------------------------------------------------------------------------------

    /// Whether the thread has freed everything.
    pub fn is_finished(&self) -> bool {
        *self.finished.lock()
    }

    /// The thread has freed everything: wakes who waits for it.
    pub(crate) fn mark_finished(&self) {
        self.stopped.set(Cause::Closed);
        self.closing.store(true, Ordering::Release);
        // Before and after: what is queued now is answered before anyone hears of the end, and what comes later is thrown away by its sender.
        self.throw_away();
        self.close_inbox();
        inspector::withdraw(self);
        census::leave(self.id);
        *self.finished.lock() = true;
        self.finished_signal.notify_all();
        // The loop's descriptor must not live as long as handles into this isolate do.
        let home = self.home.lock().take();
        drop(home);
        self.throw_away();
        self.watchdog.retire();
        for ticket in std::mem::take(&mut *self.closers.lock()) {
            ticket.answer(Ok(Value::Undefined));
        }
    }

    /// Blocks until the thread has freed everything, or `limit` passed; true if it has.
    pub fn wait_closed(&self, limit: Duration) -> bool {
        if root::is_forked() {
            return true;
        }
        let mut finished = self.finished.lock();
        if !*finished {
            self.finished_signal.wait_for(&mut finished, limit);
        }
        *finished
    }

    /// Answers `ticket` when the thread has freed everything.
    pub fn notify_closed(&self, ticket: Arc<Ticket>) {
        let finished = self.finished.lock();
        if *finished {
            drop(finished);
            ticket.answer(Ok(Value::Undefined));
        } else {
            self.closers.lock().push(ticket);
        }
    }

    // ---- requests --------------------------------------------------------------------------------------------------

    /// A ticket for an operation of this isolate, with the configured timeouts unless others are given.
    pub fn ticket(&self, queue: Arc<Queue>, blocking: bool, timeouts: Timeouts, chain: Option<CallId>) -> Arc<Ticket> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id: OpId = NEXT.fetch_add(1, Ordering::Relaxed);
        let wall = timeouts.wall.or(self.config.timeout);
        Ticket::new(id, queue, blocking, Timeouts { wall, cpu: timeouts.cpu.or(self.config.cpu_timeout) }, chain)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Terminated`] or [`Error::Forked`] when it can be said at once.
    pub fn submit(&self, ticket: Arc<Ticket>, command: Command) -> Result<(), Error> {
        if root::is_forked() {
            return Err(Error::Forked);
        }
        if let Some(cause) = self.stopped() {
            ticket.detach();
            return Err(self.refusal(&ticket, cause));
        }
        // From here on, so that time spent queueing counts.
        self.watch(&ticket);
        match command {
            Command::Inspect(inspect) => self.inspect(ticket, inspect),
            command => self.post(Message::Request(ticket, command)),
        }
        Ok(())
    }
}
