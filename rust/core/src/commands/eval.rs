//! Evaluate a script; top-level `await` is allowed.

use deno_core::v8;

use crate::convert::string_to_v8;
use crate::engine::{Run, State, compile};
use crate::error::Error;
use crate::value::Value;

/// Evaluates `code` as a classic script.
#[derive(Debug)]
pub struct Eval {
    /// Source text: any string value.
    pub code: Value,
    /// Name in stack traces.
    pub filename: Option<String>,
}

impl Eval {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        let source = string_to_v8(scope, &self.code)?;
        compile::evaluate(scope, state, source, self.filename.as_deref().unwrap_or("<eval>"))
    }
}
