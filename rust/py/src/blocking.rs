//! Blocking calls: the same commands, with the calling thread as the one that waits. While it waits it runs the host functions that
//! JavaScript calls.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use jsrun_core::completion::{Queue, Waited};
use jsrun_core::error::Error;
use jsrun_core::isolate::Shared;
use jsrun_core::reply::{Cause, Item, OpId, Ticket};
use jsrun_core::spin::Spin;
use jsrun_core::value::Value;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::bridge::LoopBridge;
use crate::convert::Parts;
use crate::errors::no_descriptor;
use crate::host;

/// What one thread waits with.
#[derive(Default)]
struct Waiter {
    /// The queue of a thread that runs no loop.
    queue: Option<Arc<Queue>>,
    /// Outcomes of blocking calls further out on this thread, which arrived while an inner one waited.
    stash: HashMap<OpId, Result<Value, Error>>,
    spin: Spin,
    is_main: Option<bool>,
}

thread_local! {
    static WAITER: RefCell<Waiter> = RefCell::default();
}

/// Keeps the outcome of an outer blocking call of this thread.
pub(crate) fn stash(id: OpId, outcome: Result<Value, Error>) {
    WAITER.with(|waiter| waiter.borrow_mut().stash.insert(id, outcome));
}

/// The queue that answers to a blocking call of this thread: its loop's, if one runs, else its own.
pub(crate) fn queue_of(bridge: Option<&Bound<'_, LoopBridge>>) -> PyResult<Arc<Queue>> {
    bridge.map_or_else(thread_queue, |bridge| Ok(Arc::clone(bridge.get().queue())))
}

fn thread_queue() -> PyResult<Arc<Queue>> {
    WAITER.with(|waiter| {
        let mut waiter = waiter.borrow_mut();
        if let Some(queue) = &waiter.queue {
            return Ok(Arc::clone(queue));
        }
        let queue = Arc::new(Queue::new().map_err(|error| no_descriptor(&error))?);
        waiter.queue = Some(Arc::clone(&queue));
        Ok(queue)
    })
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    if let Some(known) = WAITER.with(|waiter| waiter.borrow().is_main) {
        return Ok(known);
    }
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    let is_main = main.eq(threading.call_method0("get_ident")?)?;
    WAITER.with(|waiter| waiter.borrow_mut().is_main = Some(is_main));
    Ok(is_main)
}

/// How a wait ended.
pub(crate) enum Ended {
    /// The operation ended.
    Done(Result<Value, Error>),
    /// It waits for a promise (only for tickets that asked to be told).
    Pending,
}

/// Waits for `ticket`; what comes of its value before goes into `parts`. Ctrl-C stops the operation and is raised when the isolate has let go.
pub(crate) fn wait(
    py: Python<'_>,
    shared: &Arc<Shared>,
    ticket: &Arc<Ticket>,
    parts: &mut Parts,
    bridge: Option<&Bound<'_, LoopBridge>>,
) -> PyResult<Ended> {
    let queue = Arc::clone(ticket.queue());
    let main = is_main_thread(py)?;
    let mut interrupted: Option<PyErr> = None;
    if bridge.is_some() {
        queue.block_loop(true);
    }
    let ended = loop {
        if let Some(outcome) = WAITER.with(|waiter| waiter.borrow_mut().stash.remove(&ticket.id)) {
            break Ended::Done(outcome);
        }
        let item = match queue.try_next() {
            Some(item) => item,
            None => {
                match park(py, &queue, main) {
                    Ok(()) => {}
                    Err(error) => {
                        shared.stop(ticket, Cause::Interrupted);
                        interrupted.get_or_insert(error);
                    }
                }
                continue;
            }
        };
        let handled = match item {
            Item::Done(id, outcome) if id == ticket.id => break Ended::Done(outcome),
            Item::Pending(id) if id == ticket.id => break Ended::Pending,
            Item::Part(id) if id == ticket.id => parts.take(py, ticket, shared),
            other => dispatch(py, other, bridge),
        };
        if let Err(error) = handled {
            shared.stop(ticket, Cause::Cancelled);
            interrupted.get_or_insert(error);
        }
    };
    if let Some(bridge) = bridge {
        queue.block_loop(false);
        if queue.disarm() {
            // What is left is the loop's: it is woken for it.
            bridge.get().queue().wake_consumer();
        }
    }
    match interrupted {
        Some(error) => Err(error),
        None => Ok(ended),
    }
}

/// Parks until an item is there; an error is what a signal handler raised.
fn park(py: Python<'_>, queue: &Queue, main: bool) -> PyResult<()> {
    let mut spin = WAITER.with(|waiter| std::mem::take(&mut waiter.borrow_mut().spin));
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    let waited = py.detach(|| {
        let look = || {
            let error = Python::attach(|py| py.check_signals()).err();
            let found = error.is_some();
            *raised.lock() = error;
            found
        };
        queue.wait(&mut spin, if main { Some(&look) } else { None })
    });
    WAITER.with(|waiter| waiter.borrow_mut().spin = spin);
    if let Some(error) = raised.into_inner() {
        return Err(error);
    }
    if waited == Waited::Interrupted { py.check_signals() } else { Ok(()) }
}

/// Handles one item on the thread it was sent to: a loop's, or one that blocks.
pub(crate) fn dispatch(py: Python<'_>, item: Item, bridge: Option<&Bound<'_, LoopBridge>>) -> PyResult<()> {
    match item {
        Item::Done(id, outcome) => match bridge {
            Some(bridge) => LoopBridge::done(bridge, id, outcome),
            None => stash(id, outcome),
        },
        // Of a blocking call further out on this thread, it is taken at its end.
        Item::Part(id) => return bridge.map_or(Ok(()), |bridge| LoopBridge::part(bridge, id)),
        Item::Pending(_) => {}
        Item::Call(call) => return host::perform(py, call, bridge),
        Item::Abandon(calls) => host::abandon(py, calls),
        Item::Report(isolate, report) => return host::report(py, &isolate, report),
    }
    Ok(())
}
