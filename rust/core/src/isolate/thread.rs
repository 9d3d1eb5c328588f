//! The body of an isolate's thread: build, drive, free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::driver::Driver;
use super::message::Message;
use super::root::{self, Alive};
use super::shared::Shared;
use crate::commands::bootstrap;
use crate::engine::{Blank, Engine};
use crate::error::Error;
use crate::reply::{Cause, Ticket};
use crate::room::Room;
use crate::value::{HostFunction, Value};

/// All that makes an isolate somebody's.
pub(super) struct Tenancy {
    pub(super) shared: Arc<Shared>,
    pub(super) mailbox: flume::Receiver<Message>,
    pub(super) ready: Arc<Ticket>,
    pub(super) fetch: Option<HostFunction>,
    /// Counts the isolate.
    pub(super) alive: Alive,
}

/// Runs an isolate until it is closed: the one made before, or a new one.
pub(super) fn body(tenancy: Tenancy, blank: Option<Blank>, room: Option<Room>) {
    let Tenancy { shared, mailbox, ready, fetch, alive } = tenancy;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let blank = match blank {
            Some(blank) => blank,
            None => {
                let _room = room.map_or_else(|| Room::take(root::live_isolates()), Ok)?;
                Blank::of(&shared.config)?
            }
        };
        live(&shared, mailbox, &ready, fetch, blank)
    }));
    if let Err(error) = ended.unwrap_or_else(|_| Err(Error::Panic("the isolate's thread panicked".into()))) {
        ready.answer(Err(error));
    }
    drop(alive);
    shared.mark_finished();
}

fn live(
    shared: &Arc<Shared>,
    mailbox: flume::Receiver<Message>,
    ready: &Arc<Ticket>,
    fetch: Option<HostFunction>,
    blank: Blank,
) -> Result<(), Error> {
    // Time only: the parker is a condition variable and costs no descriptor.
    let local = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    local.block_on(async move {
        let mut engine = blank.settle(shared, mailbox, fetch)?;
        engine.replay().await?;
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
        Ok(())
    })
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
