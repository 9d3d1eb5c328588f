//! A folder of files and npm packages that modules may come from, and nothing outside of it.

mod confined;
mod folder;

pub use folder::{Demand, File, Folder, Format, Options};
