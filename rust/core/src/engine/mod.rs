//! One isolate's inside: the `JsRuntime`, its tables, and the guarded ways into JavaScript. Everything here stays on the isolate's thread.

mod blame;
mod build;
mod calls;
pub(crate) mod compile;
mod handles;
mod internals;
mod intrinsics;
mod marks;
mod record;
mod rejections;
mod run;
mod settle;
mod state;

pub(crate) use build::{Blank, Engine, Footing};
pub(crate) use run::{Run, panic_text};
pub(crate) use state::{State, state_of};
