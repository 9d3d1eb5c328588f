//! Load, link and evaluate a module; its namespace is the value.

use deno_core::v8;

use crate::engine::{Run, State};
use crate::error::Error;
use crate::modules::Kind;

/// Evaluates the module that `specifier` names.
#[derive(Debug)]
pub struct EvalModule {
    /// What an import statement without a referrer would say.
    pub specifier: String,
}

impl EvalModule {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        let owner = state.current_owner(scope);
        let promise = state.import(scope, &self.specifier, "", Ok(Kind::JavaScript), owner, true);
        if state.modules.blocked.take() {
            return Err(Error::Deadlock(
                "a module that is being evaluated blocks for a module that needs it: neither can finish. Use import() there, and await it later".into(),
            ));
        }
        match promise {
            Some(promise) => Ok(Run::Repl(promise.into())),
            None => Ok(Run::Threw),
        }
    }
}
