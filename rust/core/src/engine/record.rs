//! The two ends of a snapshot: an isolate that one is made of, and what a new isolate still has to do to be where one left off.

use deno_core::v8;

use super::build::{Engine, Owner};
use super::compile;
use crate::error::Error;
use crate::reply::Cause;
use crate::snapshot::{self, Source};

impl Engine {
    /// Offers the snapshot's modules, and runs its scripts if the heap image is not theirs. What they would wait for ended when the snapshot was made.
    pub(super) fn replay(&mut self) -> Result<(), Error> {
        let (sources, complete) = (self.start.sources, self.start.complete);
        for source in sources {
            self.scoped(|scope, state| {
                let text = v8::String::new(scope, &source.text).ok_or(Error::Closed)?;
                if source.is_module {
                    state.modules.add(source.name.clone(), v8::Global::new(scope, text));
                } else if !complete {
                    let mut ran = Ok(());
                    state.turn(scope, None, |scope| ran = compile::evaluate(scope, state, text, &source.name).map(drop));
                    ran?;
                    state.load_modules(scope);
                }
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }

    /// Turns the isolate into a snapshot in its envelope.
    pub(crate) fn into_snapshot(mut self, sources: &[Source]) -> Result<Vec<u8>, Error> {
        let waiting = self.state.waiting_count();
        self.state.end_all(Cause::Closed);
        let internals = std::mem::take(&mut self.internals);
        let timers = self.scoped(|scope, _| {
            let timers = internals.reclaim(scope)?;
            internals.restore(scope).ok_or(Error::Closed)?;
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
