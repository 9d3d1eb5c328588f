"""Memory that Python and JavaScript both see: buffers lent to JavaScript, and array buffers as memoryviews."""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

from ._jsrun import StoreHandle


class SharedBuffer:
    """A Python buffer on its way to JavaScript, where it is an `ArrayBuffer` over the same memory. See `share`."""

    __slots__ = ("_memory", "nbytes")

    def __init__(self, memory: Any, nbytes: int) -> None:
        self._memory = memory
        #: Size in bytes.
        self.nbytes = nbytes

    def parts(self) -> tuple[int, int, Any]:
        """Address, size and what keeps the memory where it is. For the native walker."""
        return ctypes.addressof(self._memory), self.nbytes, self._memory

    def __repr__(self) -> str:
        return f"<jsrun.SharedBuffer {self.nbytes} bytes>"


def share(buffer: Any) -> SharedBuffer:
    r"""Lend a Python buffer to JavaScript without copying it: both sides see what the other writes.

    Pass the result as an argument, a binding or a result; JavaScript gets an `ArrayBuffer`. The object stays exported
    (a `bytearray` cannot change its size) until JavaScript has let go of the memory. Nothing orders what the two sides
    write at the same time: that is the program's to arrange.

    Args:
        buffer: a writable, C-contiguous buffer: `bytearray`, `array.array`, `memoryview`, `mmap`, a numpy array.

    Raises:
        TypeError: it has no buffer, is read-only (JavaScript could write; see `transfer`), or has gaps.

    Example:
        >>> import jsrun
        >>> pixels = bytearray(4)
        >>> with jsrun.Runtime() as rt:
        ...     _ = rt.eval("(buffer) => { new Uint8Array(buffer).fill(255) }")(jsrun.share(pixels))
        >>> pixels
        bytearray(b'\xff\xff\xff\xff')
    """
    view = _view(buffer)
    if view.readonly:
        raise TypeError(
            f"this {type(buffer).__name__} is read-only, and JavaScript writes where it likes; transfer() hands over a "
            "copy"
        )
    return _lend(view)


def transfer(buffer: Any) -> SharedBuffer:
    """Hand a Python buffer over to JavaScript: the memory itself if it is writable, else a copy of it.

    Like `share`, for a buffer that Python will not use any more.

    Args:
        buffer: any C-contiguous buffer; `bytes` too.

    Raises:
        TypeError: it has no buffer, or has gaps.

    Example:
        >>> import jsrun
        >>> with jsrun.Runtime() as rt:
        ...     rt.eval("(buffer) => buffer.byteLength")(jsrun.transfer(b"four"))
        4
    """
    view = _view(buffer)
    return _lend(memoryview(bytearray(view.cast("B")) if view.nbytes else bytearray()) if view.readonly else view)


def _view(buffer: Any) -> memoryview:
    try:
        view = memoryview(buffer)
    except (TypeError, ValueError, BufferError) as error:
        raise TypeError(f"this {type(buffer).__name__} gives no buffer: {error}") from None
    if not view.c_contiguous:
        raise TypeError(f"this {type(buffer).__name__} is not C-contiguous; copy it first")
    return view


def _lend(view: memoryview) -> SharedBuffer:
    size = view.nbytes
    if size == 0:
        return SharedBuffer((ctypes.c_char * 1)(), 0)
    return SharedBuffer((ctypes.c_char * size).from_buffer(view), size)


@functools.lru_cache(maxsize=64)
def _memory(size: int) -> Any:
    """A ctypes array of that many bytes whose instances can keep something alive."""
    return type("Memory", (ctypes.Array,), {"_type_": ctypes.c_ubyte, "_length_": size})


def store_view(owner: StoreHandle, address: int, size: int, form: str) -> memoryview:
    """Return a writable memoryview of an array buffer's store, which ``owner`` keeps alive."""
    memory = _memory(size).from_address(address)
    memory.owner = owner
    view = memoryview(memory).cast("B")
    return view if form == "B" else typed(view, form)


def typed(view: memoryview, form: str) -> memoryview:
    """Return the bytes of ``view`` as items of format ``form``."""
    try:
        return view.cast(form)  # type: ignore[call-overload, no-any-return]
    except ValueError:
        # A memoryview cannot be cast to half floats before Python 3.12. numpy can, if the program uses it.
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            return memoryview(numpy.frombuffer(view, dtype=numpy.float16))
        raise
