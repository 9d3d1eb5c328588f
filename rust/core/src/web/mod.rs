//! The Web platform of an isolate: what the start-up snapshot holds, what is loaded when it is used, and what the host lends to it.

mod compile;
mod crypto;
mod extension;
mod flood;
mod offer;
mod part;

pub(crate) use extension::extensions;
pub use flood::Admitted;
pub(crate) use flood::{CONSOLE, Flood};
pub(crate) use offer::{SETUP, STREAMS, lend, uuid};
#[cfg(test)]
pub(crate) use part::COMPILED_ANEW;
