"""The default runtime of the module-level functions: one per asyncio task, else per thread; closes with its owner."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from typing import Any

from ._runtime import Runtime

_by_task: weakref.WeakKeyDictionary[asyncio.Task[Any], Runtime] = weakref.WeakKeyDictionary()


class _ThreadSlot:
    """Closes its runtime when the thread that owns it ends."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def __del__(self) -> None:
        # Not joined: the thread is ending, and the isolate's thread frees itself.
        self.runtime._native.close(False)


_local = threading.local()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def get_default_runtime() -> Runtime:
    """Return the runtime of the current asyncio task, else of the current thread, making it on first use.

    Example:
        >>> import jsrun
        >>> jsrun.get_default_runtime() is jsrun.get_default_runtime()
        True
    """
    task = _current_task()
    if task is not None:
        runtime = _by_task.get(task)
        if runtime is None or runtime.is_closed():
            runtime = _by_task[task] = Runtime()
            task.add_done_callback(_close_task_runtime)
        return runtime
    slot: _ThreadSlot | None = getattr(_local, "slot", None)
    if slot is None or slot.runtime.is_closed():
        slot = _local.slot = _ThreadSlot(Runtime())
    return slot.runtime


def close_default_runtime() -> None:
    """Close the current task's or thread's default runtime, if there is one. The next use makes a new one."""
    task = _current_task()
    if task is not None:
        runtime = _by_task.pop(task, None)
        if runtime is not None:
            runtime.close()
        return
    slot: _ThreadSlot | None = getattr(_local, "slot", None)
    if slot is not None:
        del _local.slot
        slot.runtime.close()


def _close_task_runtime(task: asyncio.Task[Any]) -> None:
    runtime = _by_task.pop(task, None)
    if runtime is not None:
        # Not waited for: this runs on the event loop.
        runtime._native.close(False)


def _forget_after_fork() -> None:
    global _local
    _by_task.clear()
    _local = threading.local()


os.register_at_fork(after_in_child=_forget_after_fork)
