//! The completion protocol of `rust/core` under loom: every order in which its threads can meet, and every value that the memory model lets them see.
//!
//! The protocol's files are those of the library, compiled with loom's locks and atomics (`sync.rs`). Run it with `cargo test --release`.

#[cfg(test)]
mod closing;
#[cfg(test)]
mod completion;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod descriptor;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod once;
