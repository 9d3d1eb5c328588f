//! Operations that somebody wants to hear of: slow ones for the log, all of them for tracing. A runtime that nobody watches has none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsrun_core::commands::Command;
use jsrun_core::isolate::{Shared, Standing};
use jsrun_core::stats::Kind;
use pyo3::prelude::*;

use crate::{imports, table, timeout};

/// What a runtime's configuration wants to be told of.
pub(crate) struct Watch {
    /// Number of the isolate.
    isolate: u64,
    /// Operations that take this long are slow.
    slow: Option<Duration>,
    /// Makes spans.
    tracer: Option<Py<PyAny>>,
}

impl Watch {
    /// From a `RuntimeConfig`; `None` if nothing is to be told.
    pub(crate) fn new(options: &Bound<'_, PyAny>, isolate: u64) -> PyResult<Option<Arc<Self>>> {
        let slow = timeout::parse_named("slow_evaluation", Some(&options.getattr("slow_evaluation")?))?;
        let tracer = if options.getattr("tracing")?.is_truthy()? {
            Some(imports::TRACER.get(options.py())?.call1((isolate,))?.unbind())
        } else {
            None
        };
        Ok((slow.is_some() || tracer.is_some()).then(|| Arc::new(Self { isolate, slow, tracer })))
    }

    /// An operation begins. With `context`, the caller's contextvars as host functions see them, the span is entered there, else on this thread.
    pub(crate) fn begin(self: &Arc<Self>, py: Python<'_>, command: &Command, context: Option<&Bound<'_, PyAny>>) -> Option<Box<Watched>> {
        let (what, name) = described(command)?;
        let mut watched = Box::new(Watched { watch: Arc::clone(self), what, name, since: Instant::now(), span: None });
        if let Some(tracer) = &self.tracer {
            let begin = || {
                let begin = tracer.bind(py).getattr("begin")?;
                match context {
                    Some(context) => context.call_method1("run", (begin, what, &watched.name, true)),
                    None => begin.call1((what, &watched.name, false)),
                }
            };
            match begin() {
                Ok(span) => watched.span = Some(span.unbind()),
                // Who traces must not be in the way of what is traced.
                Err(error) => error.write_unraisable(py, Some(tracer.bind(py))),
            }
        }
        Some(watched)
    }
}

/// What a command does, and the name of what it does that with.
fn described(command: &Command) -> Option<(&'static str, Option<String>)> {
    let what = match command.kind()? {
        Kind::Eval => "eval",
        Kind::Call => "call",
        Kind::EvalModule => "eval_module",
        Kind::Await => "await",
    };
    let name = match command {
        Command::Eval(eval) => Some(eval.filename.clone().unwrap_or_else(|| "<eval>".into())),
        Command::EvalModule(module) => Some(module.specifier.clone()),
        Command::Call(call) => Some(call.function.name.clone()).filter(|name| !name.is_empty()),
        _ => None,
    };
    Some((what, name))
}

/// An operation that has begun. Dropped before its end, it was given up.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    what: &'static str,
    name: Option<String>,
    since: Instant,
    span: Option<Py<PyAny>>,
}

impl Watched {
    /// Whether its end is told with the exception.
    pub(crate) fn wants_error(&self) -> bool {
        self.span.is_some()
    }

    /// It ended, perhaps with an error.
    pub(crate) fn end(mut self, py: Python<'_>, error: Option<&PyErr>) {
        let took = self.since.elapsed();
        if let Some(limit) = self.watch.slow.filter(|limit| took >= *limit) {
            let args = (self.watch.isolate, self.what, &self.name, took.as_secs_f64(), limit.as_secs_f64());
            tell(py, imports::SLOW.get(py).and_then(|slow| slow.call1(args)));
        }
        self.end_span(py, error.map(|error| error.value(py).as_any()));
    }

    fn end_span(&mut self, py: Python<'_>, error: Option<&Bound<'_, PyAny>>) {
        if let (Some(span), Some(tracer)) = (self.span.take(), &self.watch.tracer) {
            tell(py, tracer.bind(py).call_method1("end", (span, error)));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.span.is_some() && !jsrun_core::isolate::is_forked() {
            let _ = Python::try_attach(|py| match imports::CANCELLED_ERROR.get(py).and_then(|class| class.call0()) {
                Ok(error) => self.end_span(py, Some(&error)),
                Err(error) => error.write_unraisable(py, None),
            });
        }
    }
}

/// An isolate's heap stays full: the log has it once.
pub(crate) fn condemned(py: Python<'_>, shared: &Arc<Shared>) {
    if shared.standing() == Standing::Condemned
        && let Some(isolate) = table::isolate(py, shared)
        && isolate.get().tell_condemned()
    {
        tell(py, imports::CONDEMNED.get(py).and_then(|condemned| condemned.call1((shared.id,))));
    }
}

/// A handler of the user's that raises is not the operation's failure.
fn tell(py: Python<'_>, told: PyResult<Bound<'_, PyAny>>) {
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
}
