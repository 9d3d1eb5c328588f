//! `LoopBridge`: one event loop's completion queue, and the operations that wait on it. Drains on the loop's thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jsrun_core::completion::Queue;
use jsrun_core::error::Error;
use jsrun_core::isolate::Shared;
use jsrun_core::reply::{Item, OpId};
use jsrun_core::spin::Spin;
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyString, PyWeakrefMethods, PyWeakrefReference};

use crate::caller::is_exit;
use crate::errors::no_descriptor;
use crate::hash::ByNumber;
use crate::operation::Operation;
use crate::{blocking, imports};

/// Items handled per call of `drain`: the loop gets its turn in between. So few that the tasks of as many host calls come and go without
/// Python's collector looking at them.
const BATCH: usize = 64;
/// How long awaits may go on finishing without the loop getting a turn.
const LONGEST_RUN: Duration = Duration::from_micros(500);

/// The queue of one event loop.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct LoopBridge {
    queue: Arc<Queue>,
    in_flight: Mutex<InFlight>,
    /// The loop owns the bridge, not the other way round.
    event_loop: Py<PyWeakrefReference>,
    spin: Mutex<Spin>,
    /// Since when awaits have finished without suspending.
    run_since: Mutex<Option<Instant>>,
    /// The last drain ended several operations: their tasks are ready to run, and none of them may run ahead of the others.
    crowded: AtomicBool,
    /// An isolate that has this loop as its home.
    home_of: AtomicU64,
    /// How long JavaScript takes to go on after an answer.
    pause: Mutex<Spin>,
    /// The loop is to call `look` in its next turn.
    looking: AtomicBool,
    /// What waited for operations that ended.
    woken: Mutex<VecDeque<Woken>>,
    /// The loop is to call `flush` in its next turn.
    flushing: AtomicBool,
}

/// Awaited operations.
#[derive(Default)]
struct InFlight {
    ops: ByNumber<OpId, Py<Operation>>,
    /// The last one that had no other beside it when it began, and when that was: only such tell how long an answer takes.
    alone: Option<(OpId, Instant)>,
}

/// A callback of an operation that ended.
pub(crate) struct Woken {
    pub(crate) operation: Py<Operation>,
    pub(crate) callback: Py<PyAny>,
    pub(crate) context: Py<PyAny>,
}

thread_local! {
    /// The bridge that was asked for last on this thread, weakly.
    static LAST: RefCell<Option<Py<PyWeakrefReference>>> = const { RefCell::new(None) };
}

#[pymethods]
impl LoopBridge {
    #[new]
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let event_loop = PyWeakrefReference::new(event_loop)?.unbind();
        Ok(Self {
            queue: Arc::new(Queue::new().map_err(|error| no_descriptor(&error))?),
            in_flight: Mutex::default(),
            event_loop,
            spin: Mutex::default(),
            run_since: Mutex::default(),
            crowded: AtomicBool::new(false),
            home_of: AtomicU64::new(0),
            pause: Mutex::default(),
            looking: AtomicBool::new(false),
            woken: Mutex::default(),
            flushing: AtomicBool::new(false),
        })
    }

    /// The descriptor to watch for reading.
    fn fileno(&self) -> i32 {
        self.queue.fd()
    }

    /// Calls whatever waited for operations that ended, each as the loop would: its turn costs more than most of them. The loop calls it.
    fn flush(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        this.flushing.store(false, Ordering::Relaxed);
        // Not those that come meanwhile: others have their turn before.
        let count = this.woken.lock().len();
        for _ in 0..count {
            let (next, is_last) = {
                let mut woken = this.woken.lock();
                (woken.pop_front(), woken.is_empty())
            };
            let Some(next) = next else { break };
            // What is called may raise what ends the program, or run the loop itself and wait for one of the others: the loop knows of them.
            if !is_last {
                Self::call_soon(slf, &this.flushing, intern!(slf.py(), "flush"))?;
            }
            next.call(slf)?;
        }
        Ok(())
    }

    /// Waits a moment for what JavaScript does next, which just got an answer that it awaited. The loop calls it.
    fn look(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        this.looking.store(false, Ordering::Relaxed);
        this.queue.arm();
        let since = Instant::now();
        let found = slf.py().detach(|| this.pause.lock().until(|| this.queue.is_ready()));
        this.pause.lock().learn(if found { since.elapsed() } else { LONGEST_RUN });
        if this.queue.disarm() { Self::drain(slf) } else { Ok(()) }
    }

    /// Handles what has arrived. The loop calls it when the descriptor is readable.
    fn drain(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        this.run_since.lock().take();
        let mut items = Vec::new();
        this.queue.drain(BATCH, &mut items);
        let ended = items.iter().filter(|item| matches!(item, Item::Done(..))).count();
        this.crowded.store(ended > 1, Ordering::Relaxed);
        let called = ended == 0 && items.iter().any(|item| matches!(item, Item::Call(call) if call.wait));
        let handled = Self::dispatch_all(slf, items.into_iter());
        if called && handled.is_ok() { Self::linger(slf) } else { handled }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(in_flight) = self.in_flight.try_lock() {
            for operation in in_flight.ops.values() {
                visit.call(operation)?;
            }
        }
        if let Some(woken) = self.woken.try_lock() {
            for one in woken.iter() {
                visit.call(&one.operation)?;
                visit.call(&one.callback)?;
                visit.call(&one.context)?;
            }
        }
        visit.call(&self.event_loop)
    }

    fn __clear__(&self) {
        self.abandon();
    }

    /// The loop is closed: nothing more is delivered, and what waited is dropped.
    fn abandon(&self) {
        if jsrun_core::isolate::is_forked() {
            return;
        }
        let items = self.queue.close();
        let ops = std::mem::take(&mut *self.in_flight.lock());
        let woken = std::mem::take(&mut *self.woken.lock());
        drop((items, ops, woken));
    }
}

impl LoopBridge {
    /// Has the loop call a method of this bridge in its next turn, unless it was asked to: in a context of its own, as there is no caller.
    fn call_soon(slf: &Bound<'_, Self>, asked: &AtomicBool, method: &Bound<'_, PyString>) -> PyResult<()> {
        if asked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let py = slf.py();
        let keywords = [("context", imports::CONTEXT.get(py)?.call0()?)].into_py_dict(py)?;
        slf.get().event_loop(py).call_method(intern!(py, "call_soon"), (slf.getattr(method)?,), Some(&keywords))?;
        asked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Has a callback of an operation that ended called, in the order in which they end.
    pub(crate) fn wake(slf: &Bound<'_, Self>, one: Woken) -> PyResult<()> {
        let this = slf.get();
        if !this.flushing.load(Ordering::Relaxed) {
            let event_loop = this.event_loop(slf.py());
            if event_loop.call_method0(intern!(slf.py(), "get_debug"))?.is_truthy()? {
                // It times what it calls: there each is called by itself.
                return one.schedule(&event_loop);
            }
            Self::call_soon(slf, &this.flushing, intern!(slf.py(), "flush"))?;
        }
        this.woken.lock().push_back(one);
        Ok(())
    }

    /// The bridge of the running loop.
    pub(crate) fn of_running(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        Self::of(&imports::RUNNING_LOOP.get(py)?.call0()?)
    }

    /// The bridge of `event_loop`, which runs on this thread; an error if it is `None`.
    fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        let last = LAST.with_borrow(|last| last.as_ref().map(|last| last.clone_ref(py)));
        if let Some(bridge) = last.and_then(|last| last.bind(py).upgrade_as::<Self>().ok().flatten())
            && !event_loop.is_none()
            && bridge.get().event_loop(py).is(event_loop)
            && !bridge.get().queue.is_closed()
        {
            return Ok(bridge);
        }
        let bridge = imports::CURRENT_BRIDGE.get(py)?.call0()?.cast_into::<Self>()?;
        let last = LAST.replace(Some(PyWeakrefReference::new(bridge.as_any())?.unbind()));
        drop(last);
        Ok(bridge)
    }

    /// The bridge of the running loop, if one runs on this thread.
    pub(crate) fn of_running_or_none(py: Python<'_>) -> PyResult<Option<Bound<'_, Self>>> {
        let event_loop = imports::RUNNING_LOOP.get(py)?.call0()?;
        if event_loop.is_none() { Ok(None) } else { Self::of(&event_loop).map(Some) }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The loop; `None` if it is gone.
    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.event_loop.bind(py).upgrade().unwrap_or_else(|| py.None().into_bound(py))
    }

    /// Whether no operation is in flight.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_flight.lock().ops.is_empty()
    }

    /// Makes this loop the isolate's home, if it has none.
    pub(crate) fn offer_as_home(&self, shared: &Shared) {
        if self.home_of.load(Ordering::Relaxed) != shared.id && shared.offer_home(&self.queue) {
            self.home_of.store(shared.id, Ordering::Relaxed);
        }
    }

    /// Notes that `operation` waits.
    pub(crate) fn expect(&self, id: OpId, operation: Py<Operation>) {
        let mut in_flight = self.in_flight.lock();
        if in_flight.ops.is_empty() {
            in_flight.alone = Some((id, Instant::now()));
        }
        in_flight.ops.insert(id, operation);
    }

    /// The operation's outcome went another way.
    pub(crate) fn forget(&self, id: OpId) {
        let operation = self.in_flight.lock().ops.remove(&id);
        drop(operation);
    }

    /// The awaited operation with this number.
    pub(crate) fn operation(&self, py: Python<'_>, id: OpId) -> Option<Py<Operation>> {
        self.in_flight.lock().ops.get(&id).map(|operation| operation.clone_ref(py))
    }

    /// Parts of an operation's value are there.
    pub(crate) fn part(slf: &Bound<'_, Self>, id: OpId) -> PyResult<()> {
        let operation = slf.get().operation(slf.py(), id);
        operation.map_or(Ok(()), |operation| operation.get().take_parts(slf.py()))
    }

    /// An operation of this loop ended.
    pub(crate) fn done(slf: &Bound<'_, Self>, id: OpId, outcome: Result<Value, Error>) {
        let (operation, since) = {
            let mut in_flight = slf.get().in_flight.lock();
            let since = in_flight.alone.take_if(|(alone, _)| *alone == id).map(|(_, since)| since);
            (in_flight.ops.remove(&id), since)
        };
        since.inspect(|since| slf.get().spin.lock().learn(since.elapsed()));
        match operation {
            Some(operation) => Operation::complete(operation.bind(slf.py()), outcome),
            None => blocking::stash(id, outcome),
        }
    }

    /// Handles every item, whatever one of them raises; the first error goes on when all are done.
    fn dispatch_all(slf: &Bound<'_, Self>, items: impl Iterator<Item = Item>) -> PyResult<()> {
        let mut raised = None;
        for item in items {
            if let Err(error) = blocking::dispatch(slf.py(), item, Some(slf)) {
                raised.get_or_insert(error);
            }
        }
        raised.map_or(Ok(()), Err)
    }

    /// Looks whether the answer to the only operation in flight comes within microseconds: then its await need not suspend. Never long
    /// enough, and never often enough in a row, to keep the loop from its other work.
    pub(crate) fn glance(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.crowded.load(Ordering::Relaxed) || this.in_flight.lock().ops.len() != 1 {
            return Ok(());
        }
        {
            let mut since = this.run_since.lock();
            if since.get_or_insert_with(Instant::now).elapsed() > LONGEST_RUN {
                *since = None;
                return Ok(());
            }
        }
        this.queue.arm();
        let found = slf.py().detach(|| this.spin.lock().until(|| this.queue.is_ready()));
        // Still armed: nobody writes the descriptor while this thread takes what is there. It must not stay so, or nobody ever would. A part is work enough.
        let mut more = found;
        let next = || {
            let item = if more { this.queue.try_next() } else { None };
            more = !matches!(item, Some(Item::Part(_)));
            item
        };
        let handled = Self::dispatch_all(slf, std::iter::from_fn(next).take(BATCH));
        if this.queue.disarm() {
            return handled.and(Self::drain(slf));
        }
        handled
    }

    /// Waits a little for what JavaScript does next, which just got the answer of a host function and often calls the next one: waking
    /// the loop anew for each costs more than the call. Ends with the first operation, and before the loop misses its turn.
    fn linger(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let since = Instant::now();
        let mut handled = Ok(());
        let mut last = false;
        this.queue.arm();
        while handled.is_ok() && !last && since.elapsed() < LONGEST_RUN {
            let waited = Instant::now();
            if !slf.py().detach(|| this.spin.lock().until(|| this.queue.is_ready())) {
                break;
            }
            this.spin.lock().learn(waited.elapsed());
            let Some(item) = this.queue.try_next() else { break };
            last = matches!(item, Item::Done(..));
            handled = Self::dispatch_all(slf, std::iter::once(item));
        }
        if this.queue.disarm() {
            this.queue.wake_consumer();
        }
        handled
    }

    /// JavaScript got an answer that it awaited: has the loop `look` when it has done what is ready. Waking it anew costs more than most of JavaScript's
    /// steps.
    pub(crate) fn answered(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.is_quiet() { Ok(()) } else { Self::call_soon(slf, &this.looking, intern!(slf.py(), "look")) }
    }
}

impl Woken {
    /// As the loop does it: what the callback raises is the loop's to tell, unless it is meant to end the program.
    fn call(self, bridge: &Bound<'_, LoopBridge>) -> PyResult<()> {
        let py = bridge.py();
        let Self { operation, callback, context } = self;
        match context.bind(py).call_method1(intern!(py, "run"), (&callback, operation)) {
            Err(error) if is_exit(error.value(py).as_any()) => Err(error),
            Err(error) => {
                let told = PyDict::new(py);
                told.set_item("message", format!("Exception in callback {}", callback.bind(py).repr()?))?;
                told.set_item("exception", error)?;
                bridge.get().event_loop(py).call_method1("call_exception_handler", (told,)).map(drop)
            }
            Ok(_) => Ok(()),
        }
    }

    /// Has the loop call it in its next turn.
    pub(crate) fn schedule(self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let Self { operation, callback, context } = self;
        let keywords = [("context", context)].into_py_dict(py)?;
        event_loop.call_method(intern!(py, "call_soon"), (callback, operation), Some(&keywords)).map(drop)
    }
}

impl Drop for LoopBridge {
    fn drop(&mut self) {
        drop(self.queue.close());
    }
}
