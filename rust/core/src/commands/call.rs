//! Call a JavaScript function by its handle.

use std::sync::Arc;

use deno_core::v8;

use crate::convert::arguments_to_v8;
use crate::engine::{Run, State};
use crate::error::Error;
use crate::value::{Arguments, RemoteRef};

/// Calls a function that the host holds.
#[derive(Debug)]
pub struct Call {
    /// The function.
    pub function: Arc<RemoteRef>,
    /// Its arguments.
    pub args: Arguments,
}

impl Call {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        let (function, receiver) = state.kept_function(scope, self.function.id).ok_or(Error::Released("JavaScript function"))?;
        let args = arguments_to_v8(scope, state, self.args)?;
        Ok(match function.call(scope, receiver, &args) {
            Some(value) => Run::Value(value),
            None => Run::Threw,
        })
    }
}
