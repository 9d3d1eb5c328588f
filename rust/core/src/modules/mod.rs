//! ES modules: what they are called, where their source comes from, and how a graph of them is loaded, linked and evaluated.

mod answers;
mod cjs;
mod compile;
mod evaluate;
mod exports;
mod graph;
mod hooks;
mod import_map;
mod meaning;
mod reach;
mod specifier;
mod table;

pub(crate) use hooks::install;
pub use import_map::ImportMap;
pub(crate) use table::{Kind, Modules};
