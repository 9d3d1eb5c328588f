//! The JavaScript that is in every isolate before user code: deno_web's scripts, and ours on top. Compiled into the crate and into its build script,
//! which makes the start-up snapshot from it; both must list the same extensions in the same order.

use std::sync::Arc;

use deno_core::Extension;

deno_core::extension!(
    jsrun_web,
    deps = [deno_webidl, deno_web],
    esm_entry_point = "ext:jsrun_web/bootstrap.js",
    esm = [dir "src/web", "bootstrap.js", "console.js", "crypto.js", "hooks.js", "timers.js"],
);

/// The extensions of one isolate, with stores of its own: isolates share neither blobs nor broadcast channels.
pub(crate) fn extensions() -> Vec<Extension> {
    vec![
        deno_webidl::deno_webidl::init(),
        deno_web::deno_web::init(Arc::new(deno_web::BlobStore::default()), None, false, deno_web::InMemoryBroadcastChannel::default()),
        jsrun_web::init(),
    ]
}
