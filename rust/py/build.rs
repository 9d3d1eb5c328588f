//! Links the module with the engine's functions in front of V8's.

#[path = "../core/build/link_flags.rs"]
mod link_flags;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../core/build/link_flags.rs");
    link_flags::print();
}
