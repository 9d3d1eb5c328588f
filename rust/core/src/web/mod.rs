//! The Web platform of an isolate: what the start-up snapshot holds, and what the host lends to it.

mod crypto;
mod extension;
mod flood;
mod offer;

pub(crate) use extension::{extensions, report_to};
pub use flood::Admitted;
pub(crate) use flood::{CONSOLE, Flood};
pub(crate) use offer::{SETUP, STREAMS, lend, uuid};
