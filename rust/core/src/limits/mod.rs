//! Stopping JavaScript: the interrupt, the heap limit, and the watchdog that repeats both until the isolate answers.

mod buffers;
mod cpu;
mod heap;
mod interrupt;
mod pages;
mod runaway;
mod stack;
mod thrash;
mod watchdog;

pub(crate) use buffers::Buffers;
pub(crate) use cpu::{CpuMeter, REPEAT as CPU_LOOK, stop as stop_for_cpu};
pub(crate) use heap::{recover_heap, unwatch_heap, watch_heap};
pub(crate) use interrupt::{fire, forget_state, remember_state};
pub use pages::binds_growing_buffers;
pub(crate) use runaway::{inside as inside_inspector, is_inside as is_inside_inspector};
pub(crate) use stack::{limit_stack, release_stack};
pub(crate) use thrash::Thrash;
pub(crate) use watchdog::{Watchdog, watch_isolate};
