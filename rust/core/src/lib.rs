//! The engine of jsrun: V8 isolates on threads of their own, asked through mailboxes, answering through completion queues.
//!
//! Layout, from the outside in:
//! - [`isolate`]: the handle, the thread, the loop; starts everything.
//! - [`commands`]: what can be asked, one file each.
//! - `engine`: one isolate's inside, `host` its calls to the outside, `limits` how it is stopped.
//! - [`inspector`]: debuggers, profilers and their sockets.
//! - `modules`: ES modules, their loading and linking.
//! - [`stream`]: chunks in both directions.
//! - `source_maps`: original places for stack traces.
//! - `code_cache`: compiled code of large sources, in memory and on disk.
//! - `snapshot`: what isolates start from; `room`: whether they can.
//! - `web`: the Web platform that every isolate starts with.
//! - [`confinement`]: what a process may still do, when it gives up the rest.
//! - `convert`: values across the V8 border, in the notation of [`wire`].
//! - [`value`], [`memory`], [`loan`], [`config`], [`error`], [`reply`], [`completion`], [`reactor`], [`spin`], [`stats`]: what both sides share.
//!
//! Nothing here knows Python. The only types that cross threads are `Send` data; V8 is touched on the isolate's thread alone.

mod code_cache;
pub mod commands;
pub mod completion;
pub mod config;
pub mod confinement;
mod convert;
mod engine;
pub mod error;
mod host;
pub mod inspector;
pub mod isolate;
mod limits;
pub mod loan;
pub mod memory;
mod modules;
pub mod packages;
pub mod reactor;
pub mod reply;
mod room;
mod snapshot;
mod source_maps;
pub mod spin;
pub mod stats;
pub mod stream;
pub mod value;
mod web;

pub use convert::{shorten, wire};
pub use host::{Binding, HostRef};
pub use limits::binds_growing_buffers;
pub use modules::ImportMap;

/// Compile-time statements about what may cross threads.
const _: () = {
    const fn crosses<T: Send + Sync>() {}
    const fn moves<T: Send + 'static>() {}
    crosses::<isolate::Shared>();
    crosses::<reply::Ticket>();
    crosses::<completion::Queue>();
    moves::<value::Value>();
    moves::<error::Error>();
};
