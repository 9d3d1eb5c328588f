//! Makes the snapshot of deno_core's scripts smaller: what they keep ready for Node and for scripts that are not here is left out.

use std::collections::HashSet;
use std::sync::LazyLock;

use deno_core::{JsRuntime, JsRuntimeForSnapshot, v8};

use super::extension;

/// Names of `Deno.core` that deno_core's Rust asks for when an isolate starts.
const ASKED_FOR: [&str; 9] = [
    "__drainNextTickAndMacrotasks",
    "__eventLoopTick",
    "__handleRejections",
    "__processTimers",
    "buildCustomError",
    "errorConstructors",
    "ops",
    "runImmediateCallbacks",
    "setUpAsyncStub",
];

/// Before deno_core's scripts run.
pub(super) fn loosen<'s>(scope: &mut v8::PinScope<'s, '_>, _global: v8::Local<'s, v8::Object>) {
    run(scope, include_str!("loosen.js"));
}

/// After all have run, and before the snapshot.
pub(super) fn lean(runtime: &mut JsRuntimeForSnapshot) {
    let runtime: &mut JsRuntime = runtime;
    deno_core::scope!(scope, runtime);
    let lean: v8::Local<'_, v8::Function> = run(scope, include_str!("lean.js")).try_cast().expect("a function");
    let key = v8::String::new(scope, "Deno").expect("a string");
    let deno = scope.get_current_context().global(scope).get(scope, key.into()).expect("deno_core's namespace");
    let is_named = v8::Function::new(scope, is_named).expect("a function");
    let undefined = v8::undefined(scope).into();
    lean.call(scope, undefined, &[deno, is_named.into()]).expect("deno_core's tables are as they were");
}

/// All words of the platform's scripts.
static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let scripts = extension::scripts();
    let texts = scripts.iter().map(|script| script.load().expect("the script's file is there"));
    let not_in_names = |c: char| !c.is_alphanumeric() && c != '_';
    texts.flat_map(|text| text.as_str().split(not_in_names).map(str::to_owned).collect::<Vec<_>>()).collect()
});

fn is_named<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let name = args.get(0).to_rust_string_lossy(scope);
    rv.set_bool(ASKED_FOR.contains(&&*name) || WORDS.contains(&name));
}

fn run<'s>(scope: &mut v8::PinScope<'s, '_>, text: &str) -> v8::Local<'s, v8::Value> {
    let text = v8::String::new(scope, text).expect("a string");
    let script = v8::Script::compile(scope, text, None).expect("the script compiles");
    script.run(scope).expect("the script runs")
}
