//! The JavaScript that is in every isolate before user code: deno_web's scripts, and ours on top. Compiled into the crate and into its build script,
//! which makes the start-up snapshot from it; both must list the same extensions in the same order.

use std::cell::Cell;
use std::sync::Arc;

use deno_core::{Extension, op2, v8};

/// What hears of exceptions that nobody caught.
pub(crate) type Reporter = for<'s> fn(&mut v8::PinScope<'s, '_>, v8::Local<'s, v8::Value>);

thread_local! {
    /// The reporter of the isolate on this thread.
    static REPORTER: Cell<Option<Reporter>> = const { Cell::new(None) };
}

/// Sets what hears of uncaught exceptions on this thread.
#[allow(dead_code, reason = "the build script reports nothing")]
pub(crate) fn report_to(reporter: Reporter) {
    REPORTER.set(Some(reporter));
}

/// In place of deno_core's, which stops all JavaScript for one uncaught exception.
#[op2(fast, reentrant)]
fn op_report_exception<'s>(scope: &mut v8::PinScope<'s, '_>, exception: v8::Local<'s, v8::Value>, _promise: bool) {
    if let Some(report) = REPORTER.get() {
        report(scope, exception);
    }
}

deno_core::extension!(
    jsrun_web,
    deps = [deno_webidl, deno_web],
    esm_entry_point = "ext:jsrun_web/bootstrap.js",
    esm = [dir "src/web", "bootstrap.js", "console.js", "crypto.js", "body.js", "cryptokey.js", "fetch.js", "formdata.js", "headers.js", "hooks.js", "jwk.js", "local.js",
        "multipart.js", "pairs.js", "request.js", "response.js", "secrets.js", "streams.js", "subtle.js", "timers.js"],
    middleware = |op| match op.name {
        "op_dispatch_exception" => op.with_implementation_from(&op_report_exception()),
        _ => op,
    },
);

/// The extensions of one isolate, with stores of its own: isolates share neither blobs nor broadcast channels.
pub(crate) fn extensions() -> Vec<Extension> {
    vec![
        deno_webidl::deno_webidl::init(),
        deno_web::deno_web::init(Arc::new(deno_web::BlobStore::default()), None, false, deno_web::InMemoryBroadcastChannel::default()),
        jsrun_web::init(),
    ]
}
