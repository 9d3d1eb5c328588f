//! The two ends of a snapshot: an isolate that one is made of, and what a new isolate still has to do to be where one left off.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use deno_core::v8;

use super::build::{Engine, Owner};
use super::{Run, compile};
use crate::error::Error;
use crate::reply::Cause;
use crate::snapshot::{self, Source};

impl Engine {
    /// Offers the snapshot's modules, and runs its scripts, one after another, if the heap image is not theirs.
    pub(crate) async fn replay(&mut self) -> Result<(), Error> {
        let (sources, complete) = (self.start.sources, self.start.complete);
        for source in sources {
            let awaited = self.scoped(|scope, state| {
                let text = v8::String::new(scope, &source.text).ok_or(Error::Closed)?;
                if source.is_module {
                    state.modules.add(source.name.clone(), v8::Global::new(scope, text));
                    return Ok(None);
                }
                if complete {
                    return Ok(None);
                }
                let mut ran = Ok(None);
                state.turn(scope, None, |scope| {
                    ran = compile::evaluate(scope, state, text, &source.name).map(|run| match run {
                        Run::Repl(value) => value.try_cast::<v8::Promise>().ok().map(|promise| v8::Global::new(scope, promise)),
                        _ => None,
                    });
                });
                state.load_modules(scope);
                ran
            })?;
            if let Some(promise) = awaited {
                self.drive(&promise, &source.name).await?;
            }
        }
        Ok(())
    }

    /// Runs the event loop until a script that awaits has ended, as it did when the snapshot was made.
    async fn drive(&mut self, promise: &v8::Global<v8::Promise>, name: &str) -> Result<(), Error> {
        /// As long as a builder waits, unless it is told otherwise.
        const PATIENCE: Duration = Duration::from_secs(60);
        /// How often to look whether anybody still wants the isolate.
        const LOOK: Duration = Duration::from_millis(50);
        let end = Instant::now() + PATIENCE;
        loop {
            let ended = poll_fn(|cx| {
                self.poll_event_loop(cx);
                let state = self.scoped(|scope, _| v8::Local::new(scope, promise).state());
                if state == v8::PromiseState::Pending { Poll::Pending } else { Poll::Ready(()) }
            });
            if tokio::time::timeout(LOOK, ended).await.is_ok() {
                return Ok(());
            }
            if self.state.shared.is_closing() {
                return Err(Error::Closed);
            }
            if Instant::now() > end {
                let seconds = PATIENCE.as_secs();
                return Err(Error::Snapshot(format!(
                    "{name} of this snapshot, which runs again beside other snapshots, has not ended within {seconds} s"
                )));
            }
        }
    }

    /// Turns the isolate into a snapshot in its envelope.
    pub(crate) fn into_snapshot(mut self, sources: &[Source]) -> Result<Vec<u8>, Error> {
        let waiting = self.state.waiting_count();
        self.state.end_all(Cause::Closed);
        let internals = std::mem::take(&mut self.internals);
        let timers = self.scoped(|scope, _| {
            let timers = internals.reclaim(scope)?;
            internals.restore(scope).ok_or_else(|| {
                Error::Snapshot(
                    "globalThis is not extensible at the end of the snapshot's scripts; a runtime could not start from it".into(),
                )
            })?;
            Ok::<_, Error>(timers)
        })?;
        drop(internals);
        let (owner, _start) = self.strip();
        let refused = |what: String| {
            let text = format!("{what} at the end of the snapshot's scripts; a snapshot holds data and functions, not work under way");
            Err(Error::Snapshot(text))
        };
        if timers > 0 {
            return refused(format!("{timers} timer(s) are set"));
        }
        if waiting > 0 {
            return refused(format!("{waiting} operation(s) wait for a promise"));
        }
        if snapshot::is_shared() {
            return Err(Error::Snapshot("a snapshot cannot be made while other runtimes of the process are open".into()));
        }
        match owner {
            Owner::Recording(runtime) => {
                let heap = snapshot::complete(&runtime.snapshot(), snapshot::built_in())?;
                Ok(snapshot::seal(&heap, sources))
            }
            Owner::Running(_) => Err(Error::Snapshot("this isolate was not made for a snapshot".into())),
        }
    }
}
