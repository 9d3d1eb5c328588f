//! The tables of one isolate. Shared by reference between the driver and V8 callbacks on the same thread; no borrow is held while
//! JavaScript runs.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use deno_core::v8;

use super::calls::{Calls, Expected};
use super::handles::Handles;
use super::intrinsics::Intrinsics;
use super::run::Entry;
use super::settle::Pending;
use crate::code_cache::CodeCache;
use crate::completion::Queue;
use crate::error::Error;
use crate::host::HostRef;
use crate::inspector::Inspection;
use crate::isolate::{CallOutcome, Message, Shared};
use crate::limits::{Buffers, Thrash};
use crate::modules::Modules;
use crate::reply::{CallId, Cause, HostCall, Item, OpId, Ticket};
use crate::snapshot::Source;
use crate::source_maps::SourceMaps;
use crate::spin::Spin;
use crate::stream::Streams;
use crate::value::HostFunction;
use crate::web::{CONSOLE, Flood};

/// A host function that JavaScript can reach.
pub(crate) struct BoundFunction {
    /// The callable.
    pub(crate) function: HostFunction,
    /// Tells when JavaScript cannot reach it any more.
    weak: Option<v8::Weak<v8::Function>>,
}

/// Everything one isolate knows.
pub(crate) struct State {
    /// What other threads see of this isolate.
    pub(crate) shared: Arc<Shared>,
    /// The isolate of this thread, for callbacks that V8 gives none.
    pub(crate) isolate: v8::UnsafeRawIsolatePtr,
    /// The one context.
    pub(crate) context: v8::Global<v8::Context>,
    /// The mailbox's receiving end.
    pub(crate) mailbox: flume::Receiver<Message>,
    /// Entries into JavaScript on this thread's stack, innermost last.
    pub(super) entries: RefCell<Vec<Entry>>,
    /// When the outermost of them was made.
    pub(crate) entered: Cell<std::time::Instant>,
    /// Operations that were accepted and have not ended.
    pub(super) live: RefCell<HashMap<OpId, Arc<Ticket>>>,
    /// Operations that wait for a promise.
    pub(super) pending: RefCell<HashMap<OpId, Pending>>,
    /// Operations whose promise was found unreachable by the collector.
    pub(super) unreachable: Rc<RefCell<Vec<OpId>>>,
    /// V8 dropped its microtask queue: look for operations that were lost with it.
    pub(super) dropped_microtasks: Cell<bool>,
    /// Who waits for the snapshot that is to be made of the isolate, and what it was made from.
    pub(crate) snapshot_for: RefCell<Option<(Arc<Ticket>, Vec<Source>)>>,
    /// Compiled code of large sources.
    pub(crate) code_cache: CodeCache,
    /// Original places of scripts.
    pub(crate) source_maps: SourceMaps,
    /// ES modules.
    pub(crate) modules: Modules,
    /// The quota of array buffers.
    pub(crate) buffers: Buffers,
    /// Console messages under way to the host.
    pub(crate) console: Arc<Flood>,
    /// Reports of rejections and uncaught errors under way to the host.
    pub(crate) reports: Arc<Flood>,
    /// Streams that the host holds, and what streams cross the border with.
    pub(crate) streams: Streams,
    /// JavaScript objects that the host holds.
    pub(super) handles: RefCell<Handles>,
    /// Host functions by number.
    pub(crate) host_functions: RefCell<HashMap<u64, BoundFunction>>,
    /// Numbers of functions that JavaScript dropped.
    pub(crate) dead_functions: Rc<RefCell<Vec<u64>>>,
    next_function: Cell<u64>,
    /// Numbered operations (`register_op`).
    pub(crate) operations: RefCell<HashMap<u32, HostFunction>>,
    /// Synchronous host calls that JavaScript waits for, innermost last.
    pub(crate) waiting: RefCell<Vec<CallId>>,
    /// Answers of waiting calls further out than the innermost.
    pub(crate) answered: RefCell<HashMap<CallId, CallOutcome>>,
    /// Async host calls that JavaScript awaits.
    pub(crate) calls: RefCell<Calls>,
    /// Requests that must wait until JavaScript has left the stack.
    pub(crate) deferred: RefCell<VecDeque<Message>>,
    /// Host exceptions behind JavaScript errors, by number.
    host_errors: RefCell<HashMap<u64, HostRef>>,
    next_error: Cell<u64>,
    /// The private key under which an error carries its number.
    host_key: v8::Global<v8::Private>,
    /// The private key under which an error carries the import that failed.
    pub(super) module_key: v8::Global<v8::Private>,
    /// The private key under which an error carries its source line.
    pub(super) place_key: v8::Global<v8::Private>,
    pub(super) intrinsics: Intrinsics,
    /// Rejected promises that nobody handles yet.
    pub(super) rejections: RefCell<Vec<super::rejections::Rejection>>,
    /// Calls and reports for which nobody was there.
    orphans: RefCell<Vec<Item>>,
    /// When heap figures were published last.
    published: Cell<Option<std::time::Instant>>,
    /// How long this thread spins for its next message.
    spin: RefCell<Spin>,
    /// V8 was asked to terminate since the last entry ended: the request may have come too late for it.
    pub(super) terminating: Cell<bool>,
    /// V8 was near the heap limit since the last interrupt.
    pub(crate) near_limit: Cell<bool>,
    /// Collections that free little.
    pub(crate) thrash: Thrash,
    /// The heap limit was reached.
    pub(super) heap_exceeded: Cell<bool>,
    /// Debuggers and profilers.
    pub(crate) inspection: Inspection,
    /// And who must stop for it is marked.
    pub(super) heap_blamed: Cell<bool>,
    /// Microtask checkpoints on the stack.
    pub(super) checkpoints: Cell<u32>,
    /// A thrown value that is no error is being converted.
    pub(crate) in_thrown_value: Cell<bool>,
}

/// The state of the isolate that owns `scope`.
pub(crate) fn state_of(scope: &v8::PinScope<'_, '_>) -> Rc<State> {
    // Set once when the isolate is built, before any JavaScript runs.
    match scope.get_slot::<Rc<State>>() {
        Some(state) => Rc::clone(state),
        None => unreachable!("the isolate has no state slot"),
    }
}

impl State {
    pub(super) fn new(
        scope: &mut v8::PinScope<'_, '_>,
        shared: Arc<Shared>,
        mailbox: flume::Receiver<Message>,
        context: v8::Global<v8::Context>,
        buffers: Buffers,
    ) -> Self {
        let key = v8::Private::new(scope, None);
        let module_key = v8::Private::new(scope, None);
        let place_key = v8::Private::new(scope, None);
        let reports = shared.config.max_rejections;
        Self {
            // SAFETY: copied only to be used on this thread while the isolate lives.
            isolate: unsafe { scope.as_raw_isolate_ptr() },
            context,
            mailbox,
            snapshot_for: RefCell::default(),
            code_cache: CodeCache::new(&shared.config),
            shared,
            source_maps: SourceMaps::default(),
            modules: Modules::default(),
            buffers,
            console: Arc::new(Flood::new(CONSOLE)),
            reports: Arc::new(Flood::new(reports)),
            entries: RefCell::default(),
            entered: Cell::new(std::time::Instant::now()),
            live: RefCell::default(),
            pending: RefCell::default(),
            unreachable: Rc::default(),
            dropped_microtasks: Cell::default(),
            streams: Streams::default(),
            handles: RefCell::default(),
            host_functions: RefCell::default(),
            dead_functions: Rc::default(),
            next_function: Cell::default(),
            operations: RefCell::default(),
            waiting: RefCell::default(),
            answered: RefCell::default(),
            calls: RefCell::default(),
            deferred: RefCell::default(),
            host_errors: RefCell::default(),
            next_error: Cell::default(),
            host_key: v8::Global::new(scope, key),
            module_key: v8::Global::new(scope, module_key),
            place_key: v8::Global::new(scope, place_key),
            intrinsics: Intrinsics::capture(scope),
            rejections: RefCell::default(),
            orphans: RefCell::default(),
            published: Cell::default(),
            spin: RefCell::default(),
            terminating: Cell::default(),
            near_limit: Cell::default(),
            thrash: Thrash::default(),
            heap_exceeded: Cell::default(),
            inspection: Inspection::default(),
            heap_blamed: Cell::default(),
            checkpoints: Cell::default(),
            in_thrown_value: Cell::default(),
        }
    }

    /// The error for a stopped operation.
    pub(crate) fn error_for(&self, ticket: &Ticket, cause: Cause) -> Error {
        ticket.error_for(cause, self.shared.config.max_heap_size)
    }

    /// The next message, spinning briefly and then sleeping; `None` when every sender is gone.
    pub(crate) fn next_message(&self) -> Option<Message> {
        let found = self.spin_for_message();
        let start = std::time::Instant::now();
        let message = self.mailbox.recv().ok()?;
        self.shared.took_mail();
        if !found {
            self.learn(start.elapsed());
        }
        Some(message)
    }

    /// Spins for a message; true if one is there.
    pub(crate) fn spin_for_message(&self) -> bool {
        let shared = &self.shared;
        self.spin.borrow_mut().until(|| shared.has_mail())
    }

    /// Tells the spin how long the last sleep was.
    pub(crate) fn learn(&self, slept: std::time::Duration) {
        self.spin.borrow_mut().learn(slept);
    }

    /// Whether JavaScript on this thread's stack must unwind.
    pub(crate) fn must_stop(&self) -> bool {
        self.shared.is_stopped() || self.entries.borrow().iter().any(Entry::must_stop)
    }

    /// The live operation for which JavaScript runs now: it follows promises and timers.
    pub(crate) fn current_owner(&self, scope: &v8::PinScope<'_, '_>) -> Option<OpId> {
        let data = scope.get_continuation_preserved_embedder_data();
        let id = data.is_number().then(|| data.cast::<v8::Number>().value() as OpId)?;
        self.live.borrow().contains_key(&id).then_some(id)
    }

    /// Publishes heap figures for statistics: always when `now`, else if the last ones are a millisecond old.
    pub(super) fn publish_heap(&self, isolate: &mut v8::Isolate, now: bool) {
        const EVERY: std::time::Duration = std::time::Duration::from_millis(1);
        let time = std::time::Instant::now();
        if !now && self.published.get().is_some_and(|last| time.duration_since(last) < EVERY) {
            return;
        }
        self.published.set(Some(time));
        self.shared.counters.heap(&isolate.get_heap_statistics());
    }

    // ---- host functions ------------------------------------------------------------------------------------------

    /// Enters a host function into the table.
    pub(crate) fn add_host_function(&self, function: HostFunction) -> u64 {
        let number = self.next_function.get();
        self.next_function.set(number + 1);
        self.host_functions.borrow_mut().insert(number, BoundFunction { function, weak: None });
        number
    }

    /// Ties the table's entry to the life of the JavaScript function.
    pub(crate) fn attach_weak(&self, number: u64, weak: v8::Weak<v8::Function>) {
        if let Some(entry) = self.host_functions.borrow_mut().get_mut(&number) {
            entry.weak = Some(weak);
        }
    }

    /// Frees what the collector and other threads released since the last time.
    pub(super) fn sweep(&self, scope: &mut v8::PinScope<'_, '_>) {
        for number in self.dead_functions.take() {
            let entry = self.host_functions.borrow_mut().remove(&number);
            drop(entry);
        }
        let released = self.shared.take_releases();
        if !released.is_empty() {
            self.streams_released(scope, &released);
            let mut handles = self.handles.borrow_mut();
            handles.release(&released);
            self.shared.counters.handles_changed(handles.len());
        }
    }

    // ---- host errors ---------------------------------------------------------------------------------------------

    /// Remembers which host exception a JavaScript error stands for.
    pub(crate) fn remember_host_error(&self, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Object>, host: HostRef) {
        /// Errors whose host exception is kept; older ones come back without it.
        const MOST: u64 = 4096;
        let number = self.next_error.get();
        self.next_error.set(number + 1);
        let key = v8::Local::new(scope, &self.host_key);
        let value = v8::Number::new(scope, number as f64);
        error.set_private(scope, key, value.into());
        let mut errors = self.host_errors.borrow_mut();
        errors.insert(number, host);
        if number >= MOST {
            errors.remove(&(number - MOST));
        }
    }

    /// The host exception behind a JavaScript error.
    pub(crate) fn host_error_of(&self, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Object>) -> Option<HostRef> {
        let key = v8::Local::new(scope, &self.host_key);
        let value = error.get_private(scope, key)?;
        let number = value.is_number().then(|| value.cast::<v8::Number>().value() as u64)?;
        self.host_errors.borrow().get(&number).cloned()
    }

    // ---- delivery to the host ------------------------------------------------------------------------------------

    /// Sends a host call to the thread it belongs to: the caller's, else the home loop, else any thread that waits.
    pub(crate) fn deliver_call(&self, call: HostCall, home: Option<Arc<Queue>>) {
        match home {
            Some(home) => self.deliver(Some(home), Item::Call(call)),
            None => self.deliver_for(call.op, Item::Call(call)),
        }
    }

    /// Sends an item to the thread of the operation it belongs to, or to whoever is there.
    pub(crate) fn deliver_for(&self, owner: Option<OpId>, item: Item) {
        let queue = owner.and_then(|id| self.live.borrow().get(&id).map(|ticket| Arc::clone(ticket.queue())));
        self.deliver(queue, item);
    }

    /// Sends an item to `queue`, or to whoever is there.
    fn deliver(&self, queue: Option<Arc<Queue>>, item: Item) {
        let live = self.live.borrow();
        let others = live.values().map(|ticket| Arc::clone(ticket.queue()));
        let home = std::iter::once_with(|| self.shared.home()).flatten();
        let mut item = item;
        for queue in queue.into_iter().chain(home).chain(others) {
            match queue.push(item) {
                Ok(()) => return,
                Err(back) => item = back,
            }
        }
        self.orphans.borrow_mut().push(item);
    }

    /// A caller arrived: it gets what waited for one.
    pub(crate) fn adopt_orphans(&self, ticket: &Ticket) {
        for item in self.orphans.take() {
            if let Err(item) = ticket.queue().push(item) {
                self.orphans.borrow_mut().push(item);
            }
        }
    }

    /// Sends what waited for a home.
    pub(crate) fn redeliver(&self) {
        for item in self.orphans.take() {
            self.deliver(None, item);
        }
    }

    /// Notes that JavaScript awaits `call`.
    pub(crate) fn expect_call(
        &self,
        call: CallId,
        resolver: v8::Global<v8::PromiseResolver>,
        owner: Option<OpId>,
        home: Option<Arc<Queue>>,
    ) {
        let queue = home.or_else(|| owner.and_then(|id| self.live.borrow().get(&id).map(|ticket| Arc::clone(ticket.queue()))));
        self.calls.borrow_mut().insert(call, Expected { resolver, owner, queue, abandoned: false });
        self.count_calls(0);
    }

    /// Tells the host that the coroutines an operation awaited are no longer wanted.
    pub(super) fn abandon_calls(&self, owner: OpId) {
        let abandoned = self.calls.borrow_mut().abandon(owner);
        for (queue, call) in abandoned {
            // A closed loop has cancelled its tasks itself.
            let _ = queue.push(Item::Abandon(vec![call]));
        }
    }

    /// Drops every handle, before the isolate goes.
    pub(super) fn clear(&self) {
        self.pending.borrow_mut().clear();
        self.calls.take();
        self.modules.clear();
        self.clear_streams();
        self.code_cache.clear();
        self.source_maps.clear();
        self.rejections.borrow_mut().clear();
        let functions = self.host_functions.take();
        drop(functions);
        self.operations.borrow_mut().clear();
        *self.handles.borrow_mut() = Handles::default();
        self.orphans.borrow_mut().clear();
        self.deferred.borrow_mut().clear();
        self.host_errors.borrow_mut().clear();
    }
}
