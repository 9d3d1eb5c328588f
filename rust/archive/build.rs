//! Looks at the V8 archive that this build is going to link, and stops with what to set when it cannot be the right one.

#[path = "src/choice.rs"]
mod choice;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/choice.rs");
    for name in ["RUSTY_V8_ARCHIVE", "V8_FROM_SOURCE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let compiled = matches!(text("V8_FROM_SOURCE").as_str(), "1" | "true" | "yes");
    let archive = std::env::var("RUSTY_V8_ARCHIVE").ok().filter(|_| !compiled);
    let build = choice::Build { host: &text("HOST"), target: &text("TARGET"), archive };
    if let Err(message) = choice::check(&build, |path| std::path::Path::new(path).exists()) {
        println!("cargo::error={message}");
    }
}
