//! Wait for a promise by its handle.

use std::sync::Arc;

use deno_core::v8;

use crate::engine::{Run, State};
use crate::error::Error;
use crate::value::RemoteRef;

/// Drives a promise that the host holds to its end.
#[derive(Debug)]
pub struct AwaitPromise {
    /// The promise.
    pub promise: Arc<RemoteRef>,
}

impl AwaitPromise {
    pub(super) fn run<'s>(self, scope: &mut v8::PinScope<'s, '_>, state: &State) -> Result<Run<'s>, Error> {
        state.kept(scope, self.promise.id).map(Run::Value).ok_or(Error::Released("JavaScript promise"))
    }
}
