//! The body of an isolate's thread: build, drive, free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use super::driver::Driver;
use super::message::Message;
use super::root::{self, Alive};
use super::shared::Shared;
use super::stock;
use crate::commands::bootstrap;
use crate::engine::{Blank, Engine, panic_text};
use crate::error::Error;
use crate::limits;
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
        limits::release_stack(shared.config.max_stack);
        match &shared.config.bootstrap {
            Some(script) => {
                shared.watch(ready);
                engine.scoped(|scope, state| bootstrap(scope, state, Arc::clone(ready), script));
            }
            None => {
                ready.answer(Ok(Value::Undefined));
            }
        }
        stock::restock(&shared.config);
        let mut driver = Driver::new(engine);
        let panicked = std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| driver.poll(cx))) {
            Ok(ended) => ended.map(|()| None),
            Err(panic) => Poll::Ready(Some(panic_text(panic.as_ref()))),
        });
        let panicked = panicked.await;
        let engine = driver.into_engine();
        if let Some(panic) = panicked {
            // Outside every operation: nobody knows what state the isolate is in, so that it ends, and all who wait hear why.
            shared.close();
            engine.state.fail_all(&panic);
        }
        dispose(engine);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::commands::{Command, Eval};
    use crate::completion::Queue;
    use crate::config::Config;
    use crate::error::Error;
    use crate::isolate::{Isolate, Message, Shared};
    use crate::reply::{Item, Ticket, Timeouts};
    use crate::room::tests::STARTS;
    use crate::spin::Spin;
    use crate::value::Value;

    fn outcome(queue: &Queue, ticket: &Ticket) -> Result<Value, Error> {
        loop {
            match queue.try_next() {
                Some(Item::Done(id, outcome)) if id == ticket.id => return outcome,
                Some(_) => {}
                None => {
                    queue.wait(&mut Spin::default(), None);
                }
            }
        }
    }

    fn ticket(shared: &Arc<Shared>, queue: &Arc<Queue>) -> Arc<Ticket> {
        shared.ticket(Arc::clone(queue), true, Timeouts::default(), None)
    }

    fn started(queue: &Arc<Queue>) -> Result<Isolate, Error> {
        let (isolate, start) = Isolate::new(Config::default(), None)?;
        let ready = ticket(isolate.shared(), queue);
        start.start(Arc::clone(&ready))?;
        outcome(queue, &ready)?;
        Ok(isolate)
    }

    #[test]
    fn isolates_are_made_lean_and_load_their_parts_as_the_build_compiled_them() -> Result<(), Error> {
        let _alone = STARTS.lock();
        let queue = Arc::new(Queue::new()?);
        let isolate = started(&queue)?;
        let shared = isolate.shared();
        let ticket = || ticket(shared, &queue);
        #[cfg(jsrun_v8_hooks)]
        assert!(crate::isolate::stub_cache::MADE.load(std::sync::atomic::Ordering::Relaxed) >= 3);
        let all = ticket();
        let code = Value::text("Reflect.ownKeys(globalThis).map((name) => typeof globalThis[name]).length > 100");
        shared.submit(Arc::clone(&all), Command::Eval(Eval { code, filename: None }))?;
        assert!(matches!(outcome(&queue, &all), Ok(Value::Bool(true))));
        assert_eq!(crate::web::COMPILED_ANEW.load(std::sync::atomic::Ordering::Relaxed), 0);
        shared.close();
        assert!(shared.wait_closed(Duration::from_secs(20)));
        Ok(())
    }

    #[cfg(all(target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn values_are_seen_where_v8_has_them() -> Result<(), Error> {
        let _alone = STARTS.lock();
        let queue = Arc::new(Queue::new()?);
        let isolate = started(&queue)?;
        let ticket = ticket(isolate.shared(), &queue);
        let code = Value::text("Array.from({length: 200}, (_, i) => `item ${i}`)");
        isolate.shared().submit(Arc::clone(&ticket), Command::Eval(Eval { code, filename: None }))?;
        assert!(matches!(outcome(&queue, &ticket), Ok(Value::Wire(_))));
        assert!(crate::convert::FOUND.load(std::sync::atomic::Ordering::Relaxed));
        isolate.shared().close();
        assert!(isolate.shared().wait_closed(Duration::from_secs(20)));
        Ok(())
    }

    #[test]
    fn hostile_73_a_panic_outside_every_operation_ends_the_isolate_and_is_told_to_all_who_wait() -> Result<(), Error> {
        let _alone = STARTS.lock();
        let queue = Arc::new(Queue::new()?);
        let isolate = started(&queue)?;
        let shared = isolate.shared();
        let ticket = || ticket(shared, &queue);
        let waits = ticket();
        let code = Value::text("new Promise((resolve) => setTimeout(resolve, 60_000))");
        shared.submit(Arc::clone(&waits), Command::Eval(Eval { code, filename: None }))?;
        shared.post(Message::Panic);
        assert!(matches!(outcome(&queue, &waits), Err(Error::Panic(text)) if text == "on purpose"));
        assert!(shared.wait_closed(Duration::from_secs(20)));
        let late = shared.submit(ticket(), Command::Eval(Eval { code: Value::text("1"), filename: None }));
        assert!(matches!(late, Err(Error::Closed)));
        Ok(())
    }
}
