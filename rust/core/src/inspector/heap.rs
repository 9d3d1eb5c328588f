//! Heap snapshots, written as V8 makes them.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use deno_core::v8;

use crate::error::Error;
use crate::reply::Ticket;

/// Writes a snapshot of the heap. What was written stays in the file when it fails.
pub(super) fn write(isolate: &mut v8::Isolate, ticket: &Ticket, file: File) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut written: io::Result<()> = Ok(());
    isolate.take_heap_snapshot(|chunk| {
        written = out.write_all(chunk);
        written.is_ok() && ticket.stop.get().is_none()
    });
    written.and_then(|()| out.flush()).map_err(Error::File)
}
