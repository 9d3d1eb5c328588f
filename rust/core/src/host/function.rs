//! Host callables as JavaScript functions.

use std::rc::Rc;

use deno_core::v8;

use super::call::host_call;
use crate::engine::State;
use crate::error::Error;
use crate::value::HostFunction;

/// Makes the JavaScript function for a host callable. The callable lives as long as the function does.
pub(crate) fn make_function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    host: HostFunction,
) -> Result<v8::Local<'s, v8::Function>, Error> {
    let name = host.name.clone();
    let number = state.add_host_function(host);
    let data = v8::Number::new(scope, number as f64);
    let function = v8::Function::builder(host_call)
        .data(data.into())
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)
        .ok_or(Error::Closed)?;
    if let Some(name) = v8::String::new(scope, &name) {
        function.set_name(name);
    }
    let dead = Rc::clone(&state.dead_functions);
    let weak = v8::Weak::with_guaranteed_finalizer(scope, function, Box::new(move || dead.borrow_mut().push(number)));
    state.attach_weak(number, weak);
    Ok(function)
}
