"""Runs host functions for JavaScript: synchronous ones here, coroutines as tasks that the runtime owns."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import sys
import types
import warnings
import weakref
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from . import _log, _portal
from ._types import ConsoleMessage
from .errors import DeadlockError, JavaScriptError, UnhandledRejectionWarning

_TASK_NAME = "jsrun host function"
# How asyncio's own loops make tasks, unless somebody replaced it before, or they take no contexts yet.
_make_task: Any = asyncio.Task
_create_task: Any = asyncio.BaseEventLoop.create_task
if sys.version_info < (3, 11) or _create_task.__code__.co_filename != asyncio.base_events.__file__:
    _create_task = None
_no_calls: dict[int, int] = {}
# The innermost synchronous host call of each isolate from which the current code runs.
_chain: contextvars.ContextVar[dict[int, int]] = contextvars.ContextVar("jsrun_calls", default=_no_calls)
# Tasks of asynchronous host calls, by call number. Weak: what will run a task keeps it, and a task that nothing can run
# any more (its loop is closed) must not keep its loop.
_tasks: dict[int, weakref.ref[asyncio.Task[None]]] = {}
# Configurations of runtimes that want to hear of rejections or console messages, by isolate.
_listeners: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


class Answer(Protocol):
    """Settles one promise, once. Dropped before that, it rejects it and calls ``forget``."""

    @property
    def call(self) -> int: ...
    def offer_home(self) -> None: ...
    def result(self, value: object) -> None: ...
    def error(self, error: BaseException) -> None: ...


class Direct:
    """A host function that settles its promise itself, when it likes: called with the answer first, without a task."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., None]) -> None:
        self.call = call


def run_sync(isolate: int, call: int, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call a function for JavaScript, which waits: what it evaluates on that isolate belongs to this call."""
    token = _chain.set({**_chain.get(), isolate: call})
    try:
        return function(*args)
    finally:
        _chain.reset(token)


def chain_call(isolate: int) -> int | None:
    """Return the host call of ``isolate`` from which the current code runs."""
    return _chain.get().get(isolate)


def start_async(
    loop: asyncio.AbstractEventLoop | None,
    context: contextvars.Context,
    answer: Answer,
    function: Callable[..., Any] | Direct | None,
    work: Any,
) -> None:
    """Start a coroutine function (without one, await ``work``) on ``loop`` or the portal, in a copy of a context."""
    if isinstance(function, Direct):
        function.call(answer, *work)
        return
    if loop is None:
        _start_elsewhere(context, answer, function, work)
        return
    context = context.copy()
    call = answer.call
    coroutine = _drive(answer, call, function, work)
    task: asyncio.Task[None]
    factory = loop.get_task_factory()
    if factory is None and type(loop).create_task is _create_task and "create_task" not in loop.__dict__:
        # What that does, and nothing else.
        task = _make_task(coroutine, loop=loop, name=_TASK_NAME, context=context)
    elif factory is not None or sys.version_info < (3, 11):
        # Tasks that others make need not know of contexts; these copy the one they are made in.
        task = context.run(loop.create_task, coroutine)
    else:
        task = loop.create_task(coroutine, name=_TASK_NAME, context=context)
    if not task.done():
        _tasks[call] = weakref.ref(task)
        # A closed loop drops its tasks; JavaScript is told by the answer, nobody by the log.
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def _start_elsewhere(
    context: contextvars.Context, answer: Answer, function: Callable[..., Any] | None, work: Any
) -> None:
    """Start it on the portal, unless this is the portal and waits."""
    if not _portal.is_portal_thread():
        _portal.submit(_start_on_portal, context, answer, function, work)
        return
    answer.error(
        DeadlockError(
            "a coroutine on jsrun's portal loop blocks for JavaScript that needs another coroutine on the same "
            "loop; await eval_async instead of calling eval"
        )
    )


def _start_on_portal(
    context: contextvars.Context, answer: Answer, function: Callable[..., Any] | None, work: Any
) -> None:
    answer.offer_home()
    start_async(asyncio.get_running_loop(), context, answer, function, work)


async def _drive(answer: Answer, call: int, function: Callable[..., Any] | None, work: Any) -> None:
    """Await one piece of work and settle its promise, whatever happens."""
    if _chain.get() is not _no_calls:
        _chain.set(_no_calls)
    try:
        if function is None:
            value = await work
        else:
            value = function(*work)
            # What JavaScript let go of meanwhile is freed, though this waits.
            del function, work
            if type(value) is types.CoroutineType or inspect.isawaitable(value):
                value = await value
    except asyncio.CancelledError as error:
        answer.error(error)
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        answer.error(error)
        raise
    except BaseException as error:
        answer.error(error)
    else:
        answer.result(value)
    finally:
        _tasks.pop(call, None)


def abandon(calls: Iterable[int]) -> None:
    """Cancel the coroutines behind these calls: nobody wants their result any more."""
    for call in calls:
        running = task(call)
        if running is None:
            continue
        loop = running.get_loop()
        if loop.is_closed():
            continue
        if asyncio._get_running_loop() is loop:
            running.cancel()
        else:
            _portal.call_on(loop, running.cancel)


def task(call: int) -> asyncio.Task[None] | None:
    """Return the task behind a call, if it has begun and not ended."""
    known = _tasks.get(call)
    return known() if known is not None else None


def forget(call: int) -> asyncio.CancelledError:
    """Let go of a call whose task ended without a word; return what JavaScript is told."""
    _tasks.pop(call, None)
    return asyncio.CancelledError()


def listen(isolate: int, config: Any) -> None:
    """Send what ``isolate`` reports to the handlers of its configuration, if it has any."""
    if config.on_unhandled_rejection is not None or config.on_console is not None:
        _listeners[isolate] = config


def report(isolate: int, error: JavaScriptError, of_promise: bool, number: int | None = None) -> None:
    """Tell the user of an unhandled rejection, or of an exception in a timer; the log gets the runtime's ``number``."""
    config = _listeners.get(isolate)
    what = "unhandled promise rejection" if of_promise else "uncaught exception"
    handled = config is not None and config.on_unhandled_rejection is not None
    _log.rejection(isolate if number is None else number, error, what, handled)
    if config is not None and config.on_unhandled_rejection is not None:
        config.on_unhandled_rejection(error)
        return
    warnings.warn(f"{what}: {error}", UnhandledRejectionWarning, stacklevel=2)


def console(isolate: int, level: str, text: str, values: list[Any] | None, dropped: int) -> None:
    """Hand a console message to the handler, or print it where `sys.stdout` or `sys.stderr` is now."""
    config = _listeners.get(isolate)
    if config is not None and config.on_console is not None:
        config.on_console(ConsoleMessage(level, text, tuple(values) if values is not None else (), dropped))
        return
    stream = sys.stderr if level in {"warning", "error"} else sys.stdout
    if stream is None:
        return
    if dropped:
        text = f"[{dropped} console messages dropped]\n{text}"
    stream.write(text + "\n")


def _forget_after_fork() -> None:
    _tasks.clear()


os.register_at_fork(after_in_child=_forget_after_fork)

HostFunction = Callable[..., Any] | Callable[..., Awaitable[Any]]
