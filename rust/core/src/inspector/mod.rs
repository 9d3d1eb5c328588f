//! The inspector: V8's debugger and profilers for clients on a socket and for the host itself. An isolate that nobody inspects has none.
//!
//! - `server`, `discovery`, `guard`, `protocol`, `session`: the socket side, on the reactor.
//! - `inbox`, `outlet`, `method`: the border; what clients say waits in the inbox until the isolate's thread takes it.
//! - `inspection`, `agent`, `pause`, `console`: V8's side, on the isolate's thread.

mod agent;
mod discovery;
mod exceptions;
mod guard;
mod heap;
mod inbox;
mod inspection;
mod method;
mod options;
mod outlet;
mod pause;
mod protocol;
mod server;
mod session;
mod target;

pub(crate) use exceptions::thrown;
pub(crate) use inbox::Inbox;
pub use inbox::{Inspect, InspectRequest};
pub(crate) use inspection::{Inspection, interrupted, serve};
pub use options::InspectorOptions;
pub(crate) use server::{listeners, offer, withdraw};
pub use target::{Endpoints, Target};
