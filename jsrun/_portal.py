"""A private event loop on its own thread, started on demand: runs the coroutines that the blocking API needs."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[..., Any], *args: Any) -> None:
    """Run ``callback(*args)`` on another thread's loop. The one place that wakes a loop through asyncio itself."""
    loop.call_soon_threadsafe(callback, *args)


def submit(callback: Callable[..., Any], *args: Any) -> None:
    """Run ``callback(*args)`` on the portal's loop, starting it if need be."""
    global _loop, _thread
    with _lock:
        if _loop is None or _loop.is_closed():
            started = threading.Event()
            fresh = asyncio.new_event_loop()
            _thread = threading.Thread(target=_run, args=(fresh, started), name="jsrun-portal", daemon=True)
            try:
                _thread.start()
            except RuntimeError:
                # No thread is left: the next caller may have more luck.
                fresh.close()
                raise
            started.wait()
            _loop = fresh
        loop = _loop
    call_on(loop, callback, *args)


def run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
    """Run a coroutine on another thread's loop."""
    return asyncio.run_coroutine_threadsafe(work, loop)


def run(function: Callable[[], _T]) -> _T:
    """Call a function on the portal's loop, and wait for its result."""
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def call() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)

    submit(call)
    return result.result()


def is_portal_thread() -> bool:
    """Whether the current thread is the portal's."""
    return _thread is not None and threading.current_thread() is _thread


def loop() -> asyncio.AbstractEventLoop | None:
    """Return the portal's loop, if it runs."""
    return _loop


def _run(loop: asyncio.AbstractEventLoop, started: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(started.set)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop() -> None:
    global _loop
    with _lock:
        running, _loop = _loop, None
    if running is not None and _thread is not None and _thread.is_alive():
        call_on(running, running.stop)
        _thread.join(2)


atexit.register(_stop)
