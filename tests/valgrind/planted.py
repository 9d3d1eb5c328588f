"""A bug on purpose: the bytes of a buffer are read after everybody who owned them has let go. Valgrind must find it."""

from __future__ import annotations

import ctypes
import gc

import numpy as np

import jsrun

with jsrun.Runtime(buffers="share") as rt:
    view = rt.eval("new Uint8Array(4096).fill(7)")
    address = np.frombuffer(view, np.uint8).ctypes.data
    assert ctypes.string_at(address, 2) == b"\x07\x07"
    del view
gc.collect()
print("stale:", len(ctypes.string_at(address + 64, 32)))
