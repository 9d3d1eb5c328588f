//! Compiled code of large sources: kept per process in memory, and on disk where the host names a directory.

mod compile;
mod disk;
mod entry;
mod key;
mod memory;

pub(crate) use compile::{Anew, CodeCache, Fresh, compile};
pub(crate) use key::{Unit, key_of_part};
pub(crate) use memory::{get, put};
