//! JavaScript calls the host: references to host objects, the functions JavaScript sees, and the wait for an answer.

mod bind;
mod call;
mod function;
mod reference;

pub use bind::Binding;
pub(crate) use bind::bind_global;
pub(crate) use call::{ask, settle_call};
pub(crate) use function::make_function;
pub use reference::HostRef;
