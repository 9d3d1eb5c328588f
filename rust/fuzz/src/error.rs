//! The one error of the library's that its files here make.

/// Stands for `jsrun_core::error::Error`.
#[derive(Debug)]
pub enum Error {
    /// What is wrong with a snapshot.
    Snapshot(#[allow(dead_code, reason = "for whoever debugs")] String),
}
