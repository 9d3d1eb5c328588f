//! Values across the Python border: one walker per direction, for every path.

mod batch;
mod collections;
mod crowd;
mod failure;
mod from_py;
mod items;
mod lent;
mod met;
mod names;
mod numbers;
mod parts;
mod scalar;
mod to_py;

pub(crate) use batch::Batch;
pub(crate) use from_py::{Pending, from_py};
pub(crate) use parts::Parts;
pub(crate) use scalar::{is_scalar, string};
pub(crate) use to_py::{arguments, packed, to_py};
