//! Makes the start-up snapshot, so that isolates start from a ready heap, and the parts of the platform that are loaded when they are used. Isolates
//! read no file at run time.

#![allow(clippy::expect_used, clippy::panic, reason = "a build that cannot go on says so and stops")]

use std::path::{Path, PathBuf};

use deno_core::{JsRuntime, JsRuntimeForSnapshot, RuntimeOptions};

#[path = "build/lean.rs"]
mod lean;
#[path = "build/link_flags.rs"]
mod link_flags;
#[path = "build/parts.rs"]
mod parts;

#[path = "src/web/compile.rs"]
mod compile;
#[path = "src/web/extension.rs"]
mod extension;
#[path = "src/isolate/v8_flags.rs"]
mod v8_flags;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=src/isolate/v8_flags.rs");
    println!("cargo:rerun-if-changed=src/web");
    link_flags::print();
    // First, or V8 would put the process in its predictable mode.
    deno_core::v8::V8::set_flags_from_string(v8_flags::V8_FLAGS);
    JsRuntime::init_platform(None);
    let reactor = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a Tokio runtime");
    let _entered = reactor.enter();
    let mut extensions = extension::extensions();
    extensions[0].global_object_middleware = Some(lean::loosen);
    let mut runtime = JsRuntimeForSnapshot::try_new(RuntimeOptions { extensions, ..Default::default() }).expect("deno_core starts");
    lean::lean(&mut runtime);
    let snapshot = runtime.snapshot();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    write(&out.join("startup.snapshot"), &snapshot);
    write_parts(&out, &parts::compiled(Box::leak(snapshot)));
}

/// Writes the parts, text and code, and the table that the crate includes.
fn write_parts(out: &Path, parts: &[parts::Part]) {
    let mut table = String::from("[\n");
    for (number, part) in parts.iter().enumerate() {
        let text = out.join(format!("part-{number}.js"));
        let code = out.join(format!("part-{number}.bin"));
        write(&text, part.text.as_bytes());
        write(&code, &part.code);
        table.push_str(&format!("({:?}, include_str!({text:?}), include_bytes!({code:?})),\n", part.name));
    }
    table.push(']');
    write(&out.join("parts.rs"), table.as_bytes());
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("OUT_DIR is writable");
}
