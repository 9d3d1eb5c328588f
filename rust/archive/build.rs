//! Looks at the V8 archive that this build is going to link, and stops with what to set when it cannot be the right one.

#[path = "src/choice.rs"]
mod choice;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/choice.rs");
    for name in ["RUSTY_V8_ARCHIVE", "RUSTY_V8_MIRROR", "V8_FROM_SOURCE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let build = choice::Build { host: &text("HOST"), target: &text("TARGET"), archive: std::env::var("RUSTY_V8_ARCHIVE").ok() };
    if let Err(message) = choice::check(&build, |path| std::path::Path::new(path).exists()) {
        println!("cargo::error={message}");
    }
}
