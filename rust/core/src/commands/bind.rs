//! Put a host function, object or numbered operation in JavaScript's reach.

use deno_core::v8;

use crate::engine::{Run, State};
use crate::error::Error;
use crate::host::{Binding, bind_global};

/// Carries out one binding.
#[derive(Debug)]
pub struct Bind {
    /// What to bind.
    pub binding: Binding,
}

impl Bind {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        bind_global(scope, state, self.binding)?;
        Ok(Run::Value(v8::undefined(scope).into()))
    }
}
