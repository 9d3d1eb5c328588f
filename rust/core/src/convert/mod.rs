//! Values across the V8 border: one walker per direction, for every path (results, arguments, host calls, errors).

mod collections;
mod exception;
mod from_v8;
mod guard;
mod kinds;
mod layout;
mod leaf;
mod numbers;
mod objects;
mod rows;
mod seen;
mod to_v8;
pub mod wire;

pub(crate) use exception::{describe, make_error};
pub(crate) use from_v8::{arguments_from_v8, from_v8, from_v8_for, pack};
pub use guard::shorten;
#[cfg(all(test, target_pointer_width = "64", target_endian = "little"))]
pub(crate) use layout::FOUND;
pub(crate) use layout::Layout;
pub(crate) use to_v8::{arguments_to_v8, string_to_v8, to_v8};
