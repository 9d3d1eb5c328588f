//! Makes the start-up snapshot, so that isolates start from a ready heap and read no file at run time.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a build that cannot go on says so and stops")]

use std::path::PathBuf;

use deno_core::{JsRuntime, JsRuntimeForSnapshot, RuntimeOptions};

#[path = "src/isolate/v8_flags.rs"]
mod v8_flags;

#[path = "link_flags.rs"]
mod link_flags;

#[path = "src/web/extension.rs"]
mod extension;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/isolate/v8_flags.rs");
    println!("cargo:rerun-if-changed=src/web");
    println!("cargo:rerun-if-changed=link_flags.rs");
    link_flags::print();
    // First, or V8 would put the process in its predictable mode.
    deno_core::v8::V8::set_flags_from_string(v8_flags::V8_FLAGS);
    JsRuntime::init_platform(None);
    let reactor = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a Tokio runtime");
    let _entered = reactor.enter();
    let snapshot = JsRuntimeForSnapshot::try_new(RuntimeOptions { extensions: extension::extensions(), ..Default::default() })
        .expect("deno_core starts")
        .snapshot();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("startup.snapshot");
    std::fs::write(out, snapshot).expect("OUT_DIR is writable");
}
