//! Runs every part once, in an isolate like those of users, and keeps what V8 compiled on the way.

use std::cell::RefCell;

use deno_core::{JsRuntime, RuntimeOptions, v8};

use super::{compile, extension};

/// A script that is not in the start-up snapshot.
pub(super) struct Part {
    /// Its specifier.
    pub(super) name: &'static str,
    /// A function.
    pub(super) text: &'static str,
    /// What V8 compiled that to.
    pub(super) code: Vec<u8>,
}

thread_local! {
    static PARTS: RefCell<Vec<Part>> = const { RefCell::new(Vec::new()) };
}

/// All parts, with the code that works in isolates made from `snapshot`.
pub(super) fn compiled(snapshot: &'static [u8]) -> Vec<Part> {
    let parts = extension::parts().into_iter().map(|part| {
        let text = part.load().expect("the part's file is there");
        let text = format!("(function (__bootstrap) {{ {} }})", deno_core::wrap_lazy_ext_script(text.as_str()));
        Part { name: part.specifier, text: Box::leak(text.into_boxed_str()), code: Vec::new() }
    });
    PARTS.set(parts.collect());
    let options = RuntimeOptions {
        startup_snapshot: Some(snapshot),
        extensions: extension::extensions(),
        skip_op_registration: true,
        ..Default::default()
    };
    let mut runtime = JsRuntime::try_new(options).expect("an isolate starts from the snapshot");
    {
        let runtime = &mut runtime;
        deno_core::scope!(scope, runtime);
        let part = v8::Function::new(scope, on_part).expect("a function");
        let key = v8::String::new(scope, "part").expect("a string");
        scope.get_current_context().global(scope).set(scope, key.into(), part.into());
    }
    runtime.execute_script("warm.js", include_str!("warm.js")).expect("the parts run");
    let parts = PARTS.take();
    let forgotten: Vec<_> = parts.iter().filter(|part| part.code.is_empty()).map(|part| part.name).collect();
    assert!(forgotten.is_empty(), "warm.js loads all parts, but not {forgotten:?}");
    parts
}

/// `part(name)`, as isolates have it: the function of a script.
fn on_part<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let function = v8::Function::builder(on_run).data(args.get(0)).build(scope).expect("a function");
    rv.set(function.into());
}

/// Runs a script, and keeps its code at once: V8 throws away what ran once and is not used again.
fn on_run<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let wanted = args.data().to_rust_string_lossy(scope);
    let at = PARTS.with_borrow(|parts| parts.iter().position(|part| part.name == wanted)).unwrap_or_else(|| panic!("no part {wanted}"));
    let (name, text) = PARTS.with_borrow(|parts| (parts[at].name, parts[at].text));
    let (script, _) = compile::compile(scope, name, text, None).unwrap_or_else(|| panic!("{name} does not compile"));
    let function = script.run(scope).and_then(|function| function.try_cast::<v8::Function>().ok()).expect("the text is a function");
    let undefined = v8::undefined(scope).into();
    let brought = function.call(scope, undefined, &[args.get(0)]).unwrap_or_else(|| panic!("{name} does not run"));
    let code = script.get_unbound_script(scope).create_code_cache().expect("V8 keeps code").to_vec();
    PARTS.with_borrow_mut(|parts| parts[at].code = code);
    rv.set(brought);
}
