//! The body of an isolate's thread: build, drive, free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::driver::Driver;
use super::message::Message;
use super::shared::Shared;
use crate::commands::bootstrap;
use crate::engine::{self, Engine};
use crate::error::Error;
use crate::reactor;
use crate::reply::{Cause, Ticket};
use crate::room::Room;
use crate::value::{HostFunction, Value};

/// Runs the isolate until it is closed.
pub(super) fn body(shared: &Arc<Shared>, mailbox: flume::Receiver<Message>, ready: Arc<Ticket>, fetch: Option<HostFunction>, room: Room) {
    let ended = catch_unwind(AssertUnwindSafe(|| live(shared, mailbox, &ready, fetch, room)));
    if let Err(error) = ended.unwrap_or_else(|_| Err(Error::Panic("the isolate's thread panicked".into()))) {
        ready.answer(Err(error));
    }
    shared.mark_finished();
}

fn live(
    shared: &Arc<Shared>,
    mailbox: flume::Receiver<Message>,
    ready: &Arc<Ticket>,
    fetch: Option<HostFunction>,
    room: Room,
) -> Result<(), Error> {
    // Time only: the parker is a condition variable and costs no descriptor.
    let local = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut engine = {
        // V8's delayed tasks sleep on the reactor, so that they come while this thread is parked.
        let _reactor = reactor::handle()?.enter();
        engine::build(shared, mailbox, fetch)?
    };
    drop(room);
    local.block_on(async move {
        match &shared.config.bootstrap {
            Some(script) => {
                shared.watch(ready);
                engine.scoped(|scope, state| bootstrap(scope, state, Arc::clone(ready), script));
            }
            None => {
                ready.answer(Ok(Value::Undefined));
            }
        }
        let mut driver = Driver::new(engine);
        std::future::poll_fn(|cx| driver.poll(cx)).await;
        dispose(driver.into_engine());
    });
    Ok(())
}

/// Ends what is left, then frees V8.
fn dispose(engine: Engine) {
    let snapshot_for = engine.state.snapshot_for.take();
    if let Some((ticket, sources)) = snapshot_for {
        let made = catch_unwind(AssertUnwindSafe(|| engine.into_snapshot(&sources)));
        let made = made.unwrap_or_else(|_| Err(Error::Panic("making the snapshot panicked".into())));
        ticket.answer(made.map(Value::bytes));
        return;
    }
    let cause = engine.state.shared.stopped().unwrap_or(Cause::Closed);
    engine.state.end_all(cause);
    engine.dispose();
}
