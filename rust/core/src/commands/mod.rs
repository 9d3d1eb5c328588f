//! What can be asked of an isolate: one command, one file, one `run`; this file only routes.

mod await_promise;
mod bind;
mod call;
mod eval;
mod eval_module;
mod router;
mod stream;

pub use await_promise::AwaitPromise;
pub use bind::Bind;
pub use call::Call;
pub use eval::Eval;
pub use eval_module::EvalModule;
pub use router::Command;
pub(crate) use router::{bootstrap, serve};
pub use stream::{Read, Tell, Verb};
