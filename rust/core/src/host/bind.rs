//! Putting host functions and objects on the JavaScript global. Names travel as strings, never as source text.

use std::sync::Arc;

use deno_core::v8;

use super::call::{promised_operation, waiting_operation};
use crate::convert::{string_to_v8, to_v8};
use crate::engine::State;
use crate::error::Error;
use crate::packages::Folder;
use crate::stream::register;
use crate::value::Value;

/// What a bind command puts in place.
#[derive(Debug)]
pub enum Binding {
    /// A property of `globalThis`.
    Global {
        /// Property name.
        name: String,
        /// Function, object or plain data.
        value: Value,
    },
    /// A numbered operation behind `__host_op_sync__` / `__host_op_async__`.
    Operation {
        /// The number JavaScript passes.
        id: u32,
        /// The handler.
        function: crate::value::HostFunction,
    },
    /// A stream that JavaScript fetches with `__jsrun_get_stream__(id)`.
    Stream {
        /// The number JavaScript passes.
        id: u32,
        /// The stream.
        value: Value,
    },
    /// The source of a module.
    Module {
        /// The module's name.
        name: String,
        /// Any string value.
        source: Value,
    },
    /// The function that says what a specifier means, or none.
    Resolver(Option<crate::value::HostFunction>),
    /// The function that fetches sources, or none.
    Loader(Option<crate::value::HostFunction>),
    /// A folder of files and packages, in place of a loader.
    Folder(Arc<Folder>),
}

/// Carries a binding out.
pub(crate) fn bind_global(scope: &mut v8::PinScope<'_, '_>, state: &State, binding: Binding) -> Result<(), Error> {
    match binding {
        Binding::Global { name, value } => {
            let value = to_v8(scope, state, value)?;
            define(scope, &name, value)
        }
        Binding::Stream { id, value } => {
            let stream = to_v8(scope, state, value)?;
            let fetch = register(scope, state, id, stream)?;
            define(scope, "__jsrun_get_stream__", fetch)
        }
        Binding::Module { name, source } => {
            let source = string_to_v8(scope, &source)?;
            state.modules.add(name, v8::Global::new(scope, source));
            Ok(())
        }
        Binding::Resolver(function) => {
            state.modules.set_resolver(function);
            Ok(())
        }
        Binding::Loader(function) => {
            state.modules.set_loader(function);
            Ok(())
        }
        Binding::Folder(folder) => {
            state.modules.set_folder(folder);
            Ok(())
        }
        Binding::Operation { id, function } => {
            state.operations.borrow_mut().insert(id, function);
            let sync = v8::Function::new(scope, waiting_operation).ok_or(Error::Closed)?;
            define(scope, "__host_op_sync__", sync.into())?;
            let later = v8::Function::new(scope, promised_operation).ok_or(Error::Closed)?;
            define(scope, "__host_op_async__", later.into())
        }
    }
}

fn define(scope: &mut v8::PinScope<'_, '_>, name: &str, value: v8::Local<'_, v8::Value>) -> Result<(), Error> {
    let refused = || Error::Invalid(format!("globalThis.{name} cannot be replaced: it is not configurable"));
    let key = v8::String::new(scope, name).ok_or_else(refused)?;
    let global = scope.get_current_context().global(scope);
    v8::tc_scope!(let tc, scope);
    match global.define_own_property(tc, key.into(), value, v8::PropertyAttribute::DONT_ENUM) {
        Some(true) => Ok(()),
        _ => Err(refused()),
    }
}
