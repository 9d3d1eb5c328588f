//! One operation's ticket: who waits for it, whether it must stop, and the promise that it ends exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::completion::{Gate, Queue};
use crate::error::{Error, JsException};
use crate::isolate::Shared;
use crate::value::{Value, Wire};
pub use crate::web::Admitted;

/// Number of an operation; never reused in a process.
pub type OpId = u64;
/// Number of a host call.
pub type CallId = u64;

/// Why an operation, or an isolate, must stop. The first cause wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Passed its deadline.
    Timeout = 1,
    /// Given up by the caller.
    Cancelled = 2,
    /// The heap limit was reached.
    HeapLimit = 3,
    /// `terminate()`.
    Terminated = 4,
    /// `close()`.
    Closed = 5,
    /// Found unreachable: its promise can never settle.
    Unreachable = 6,
    /// Its microtasks were dropped with another operation's.
    Lost = 7,
    /// Used up its time on the isolate's thread.
    CpuTimeout = 8,
    /// Given up by a signal, such as Ctrl-C, while its caller blocked.
    Interrupted = 9,
}

impl Cause {
    /// One more than the largest.
    pub(crate) const COUNT: usize = 10;

    fn from_u8(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Timeout,
            2 => Self::Cancelled,
            3 => Self::HeapLimit,
            4 => Self::Terminated,
            5 => Self::Closed,
            6 => Self::Unreachable,
            7 => Self::Lost,
            8 => Self::CpuTimeout,
            9 => Self::Interrupted,
            _ => return None,
        })
    }
}

/// A cause that is set at most once. The only memory of why something stops: message text is never read.
#[derive(Debug, Default)]
pub struct CauseCell(AtomicU8);

impl CauseCell {
    /// Records `cause` unless there is one; true if this call set it.
    pub fn set(&self, cause: Cause) -> bool {
        self.0.compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The recorded cause.
    pub fn get(&self) -> Option<Cause> {
        Cause::from_u8(self.0.load(Ordering::Acquire))
    }
}

/// What a queue carries to its host thread.
#[derive(Debug)]
pub enum Item {
    /// An operation ended.
    Done(OpId, Result<Value, Error>),
    /// An operation that asked for it (see [`Ticket::tell_pending`]) ran and now waits for a promise.
    Pending(OpId),
    /// Parts of an operation's value are there (see [`Ticket::want_parts`]).
    Part(OpId),
    /// JavaScript calls a host function.
    Call(HostCall),
    /// The host coroutines behind these calls are no longer wanted: cancel them.
    Abandon(Vec<CallId>),
    /// Something to tell the user that belongs to no operation.
    Report(Arc<Shared>, Report),
}

/// One call of a host function.
#[derive(Debug)]
pub struct HostCall {
    /// Number to answer with.
    pub call: CallId,
    /// Which callable, in the host's table.
    pub target: u64,
    /// Async functions answer later; sync ones keep JavaScript waiting.
    pub wait: bool,
    /// Arguments: always an array.
    pub args: Value,
    /// The operation on whose behalf JavaScript calls, if it is still alive.
    pub op: Option<OpId>,
    /// Where the answer goes.
    pub isolate: Arc<Shared>,
}

/// News that belongs to no operation.
#[derive(Debug)]
pub enum Report {
    /// A promise was rejected and nobody listens.
    UnhandledRejection(Box<JsException>, Admitted),
    /// A timer or microtask threw and nobody listens.
    Uncaught(Box<JsException>, Admitted),
    /// JavaScript wrote to its console.
    Console(Box<ConsoleMessage>),
}

/// One message on the console.
#[derive(Debug)]
pub struct ConsoleMessage {
    /// `debug`, `log`, `info`, `warning` or `error`.
    pub level: String,
    /// The arguments as text.
    pub text: String,
    /// The arguments as an array, if the host wants them and they convert.
    pub values: Option<Value>,
    /// Messages dropped since the last one that got through.
    pub dropped: usize,
    /// Its place among those under way.
    pub(crate) _admitted: Admitted,
}

/// How long an operation may take; `None` where the isolate's configuration says it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// From the call to the answer.
    pub wall: Option<Duration>,
    /// On the isolate's thread, in JavaScript.
    pub cpu: Option<Duration>,
}

impl From<Option<Duration>> for Timeouts {
    fn from(wall: Option<Duration>) -> Self {
        Self { wall, cpu: None }
    }
}

/// The shared record of one operation: held by its message, by the live table, and by the caller that may cancel it.
#[derive(Debug)]
pub struct Ticket {
    /// The operation's number.
    pub id: OpId,
    /// Set once when the operation must stop.
    pub stop: CauseCell,
    /// When it must have ended, and the limit that was asked for.
    pub deadline: Option<(Instant, Duration)>,
    /// Limit of its time on the isolate's thread.
    pub cpu: Option<Duration>,
    /// Nanoseconds of it that are used up.
    cpu_used: AtomicU64,
    /// The host call from which this operation was started, if its isolate waits for that call.
    pub chain: Option<CallId>,
    /// Set by whoever ends the operation; answering later is a no-op.
    answered: Gate,
    /// The caller's queue, for the answer and for host calls made on its behalf.
    queue: Arc<Queue>,
    /// Whether a thread blocks for the answer.
    pub blocking: bool,
    /// Whether the caller wants to hear that the operation waits for a promise.
    tells_pending: AtomicBool,
    /// Whether the caller takes a large array as it comes.
    wants_parts: AtomicBool,
    /// What has come of it.
    parts: Mutex<Vec<Wire>>,
    /// The isolate has let go of the operation: nothing is left to stop.
    ended: AtomicBool,
    /// When the watchdog first acted on the stop.
    stopped_at: Mutex<Option<Instant>>,
}

impl Ticket {
    /// A ticket whose answer goes to `queue`.
    #[must_use]
    pub fn new(id: OpId, queue: Arc<Queue>, blocking: bool, timeouts: Timeouts, chain: Option<CallId>) -> Arc<Self> {
        let deadline = timeouts.wall.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Arc::new(Self {
            id,
            stop: CauseCell::default(),
            deadline,
            cpu: timeouts.cpu.filter(|limit| *limit != Duration::MAX),
            cpu_used: AtomicU64::new(0),
            chain,
            answered: Gate::new(),
            queue,
            blocking,
            tells_pending: AtomicBool::new(false),
            wants_parts: AtomicBool::new(false),
            parts: Mutex::default(),
            ended: AtomicBool::new(false),
            stopped_at: Mutex::default(),
        })
    }

    /// Counts time on the isolate's thread.
    pub(crate) fn charge(&self, time: Duration) {
        self.cpu_used.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// What is left of its time on the isolate's thread; zero when it is used up, `None` without a limit.
    pub(crate) fn cpu_left(&self) -> Option<Duration> {
        Some(self.cpu?.saturating_sub(Duration::from_nanos(self.cpu_used.load(Ordering::Acquire))))
    }

    /// Asks for [`Item::Pending`] if the operation does not end at once.
    pub fn tell_pending(&self) {
        self.tells_pending.store(true, Ordering::Release);
    }

    /// The operation waits for a promise now.
    pub(crate) fn now_pending(&self) {
        if self.tells_pending.swap(false, Ordering::AcqRel) {
            let _ = self.queue.push(Item::Pending(self.id));
        }
    }

    /// Asks for a large array in parts, as they are written: [`Item::Part`] says that some are there, and the operation's value is the last one. Each holds
    /// items, the first one the array's head before them; numbers of objects and keys go on from one to the next.
    pub fn want_parts(&self) {
        self.wants_parts.store(true, Ordering::Release);
    }

    /// Whether somebody will take a part.
    pub(crate) fn takes_parts(&self) -> bool {
        self.wants_parts.load(Ordering::Acquire) && !self.is_answered()
    }

    /// Adds a part.
    pub(crate) fn add_part(&self, part: Wire) {
        let is_first = {
            let mut parts = self.parts.lock();
            parts.push(part);
            parts.len() == 1
        };
        if is_first {
            let _ = self.queue.push(Item::Part(self.id));
        }
    }

    /// The parts that have come since the last time.
    pub fn take_parts(&self) -> Vec<Wire> {
        std::mem::take(&mut *self.parts.lock())
    }

    /// The queue of the caller.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Ends the operation unless it ended before; true if this call did.
    pub fn answer(&self, outcome: Result<Value, Error>) -> bool {
        let first = self.answered.pass();
        if first {
            // A closed queue means that its loop is gone and nobody waits: the value is dropped.
            let _ = self.queue.push(Item::Done(self.id, outcome));
        }
        first
    }

    /// Whether the operation has been answered.
    pub fn is_answered(&self) -> bool {
        self.answered.is_shut()
    }

    /// The isolate has let go.
    pub(crate) fn mark_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether the isolate has let go.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Notes when the watchdog first acted.
    pub(crate) fn mark_stopped(&self, now: Instant) {
        self.stopped_at.lock().get_or_insert(now);
    }

    /// How long ago that was.
    pub(crate) fn stopped_for(&self, now: Instant) -> Option<Duration> {
        self.stopped_at.lock().map(|at| now.duration_since(at))
    }

    /// Gives up waiting: whatever comes later is dropped.
    pub fn detach(&self) {
        self.answered.pass();
    }

    /// The error that belongs to a cause.
    pub fn error_for(&self, cause: Cause, heap_limit: usize) -> Error {
        match cause {
            Cause::Timeout => Error::Timeout(self.deadline.map_or(Duration::ZERO, |(_, limit)| limit)),
            Cause::Cancelled | Cause::Interrupted => Error::Cancelled,
            Cause::CpuTimeout => Error::CpuTimeout(self.cpu.unwrap_or_default()),
            Cause::HeapLimit => Error::HeapLimit { limit: heap_limit, condemned: None },
            Cause::Terminated => Error::Terminated,
            Cause::Closed => Error::Closed,
            Cause::Lost => Error::Lost,
            Cause::Unreachable => Error::Deadlock(
                "the promise can never settle: nothing that is still alive in this runtime can resolve it. \
                 Keep its resolve function reachable, or do not await it"
                    .into(),
            ),
        }
    }
}

impl Drop for Ticket {
    /// A request that nobody answered (its isolate is gone) ends as closed: no caller waits for ever.
    fn drop(&mut self) {
        self.answer(Err(Error::Closed));
    }
}
