//! Start-up snapshots: the one that is built in, those of users on top of it, and the envelope that tells a good one from a bad one.

mod envelope;
mod identity;
mod layer;
mod store;

pub(crate) use envelope::{Source, digest_of};
pub(crate) use identity::seal;
pub(crate) use layer::complete;
pub(crate) use store::{Start, built_in, is_shared, open};
