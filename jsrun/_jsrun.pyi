"""The native half of jsrun. `JsFunction` and `JsPromise` are public; the rest is for the package's own modules."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, final

from typing_extensions import Self

from ._config import RuntimeConfig
from ._stats import Figures
from ._stream import JsStream
from ._types import RuntimeState

__all__ = [
    "Chunks",
    "Feed",
    "InspectorSession",
    "Isolate",
    "JsFunction",
    "JsPromise",
    "LoopBridge",
    "NextChunk",
    "Operation",
    "PackageFolder",
    "StoreHandle",
    "StreamHandle",
    "census",
    "check_import_map",
    "confine",
    "live_isolates",
    "v8_version",
]

def check_import_map(text: str) -> None:
    """Raise `ValueError` for a text that is no import map; the message says where."""

def census() -> dict[str, int]:
    """Return figures of what all isolates of the process share; see `jsrun.get_reactor_stats`."""

def confine(readable: list[Path] | None, filter: bool, listen: bool) -> None:
    """Give up all rights of this process but reading some files, or calculating."""

def live_isolates() -> int:
    """Return how many isolate threads are alive in this process."""

def v8_version() -> str:
    """Return V8's version, such as ``15.0.245``."""

@final
class JsFunction:
    """A JavaScript function that Python holds. It keeps the object it was read from: a method is called on that object.

    Handed to JavaScript again it is the very same function. It is released by `close`, by garbage collection, and with
    its runtime.

    Example:
        >>> from jsrun import Runtime
        >>> with Runtime() as rt:
        ...     counter = rt.eval("({n: 0, next() { return ++this.n }})")
        ...     [counter["next"](), counter["next"]()]
        [1, 2]
    """

    @property
    def name(self) -> str:
        """The function's JavaScript name; empty for an anonymous one."""

    def __call__(
        self, *args: Any, timeout: float | timedelta | None = None, cpu_timeout: float | timedelta | None = None
    ) -> Any:
        """Call the function and return its value.

        On a thread without a running event loop a promise is driven to its end. On a running loop's thread a value
        that is there at once is returned, and a result that is still pending comes back as an awaitable.

        Args:
            *args: positional arguments, converted as `docs/concepts/values.md` says.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.
            cpu_timeout: the same for time on the runtime's thread, without what JavaScript waits.

        Raises:
            JavaScriptError: the function threw.
            JavaScriptTimeout: the deadline passed; the runtime stays usable.
            ConversionError: an argument or the value has no form on the other side.
            RuntimeClosed: the function, or its runtime, is closed.
            RuntimeTerminated, HeapLimitExceeded, DeadlockError, OperationLost: see `jsrun.errors`.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.eval("(a, b) => a + b")(2, 3)
            5
        """

    def call_async(
        self, *args: Any, timeout: float | timedelta | None = None, cpu_timeout: float | timedelta | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Call the function; await the value. Arguments, value and errors are those of a plain call.

        With a running event loop the call starts at once; without one, when first awaited. Cancelling the awaiting
        task stops the JavaScript.

        Example:
            >>> import asyncio
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     twice = rt.eval("async n => n * 2")
            ...     asyncio.run(twice.call_async(21))
            42
        """

    def close(self) -> Awaitable[None]:
        """Release the function at once; later calls raise `RuntimeClosed`. Idempotent. The result may be awaited."""

@final
class JsPromise:
    """A JavaScript promise inside a value. Awaiting it drives it to its end, as often as asked.

    Handed to JavaScript again it is the very same promise. A promise that is the whole result never appears: it is
    driven to its end.

    Example:
        >>> import asyncio
        >>> from jsrun import Runtime
        >>> async def main():
        ...     async with Runtime.create() as rt:
        ...         answer = await rt.eval_async("({later: Promise.resolve(42)})")
        ...         return await answer["later"]
        >>> asyncio.run(main())
        42
    """

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the promise.

        Raises:
            JavaScriptError: it was rejected.
            DeadlockError: nothing can settle it any more.
            RuntimeClosed: its runtime is closed.
        """

    def wait(self, timeout: float | timedelta | None = None) -> Any:
        """Drive the promise to its end, blocking; errors are those of awaiting it, and `JavaScriptTimeout`.

        Args:
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.eval("({later: Promise.resolve(42)})")["later"].wait()
            42
        """

@final
class Operation(Coroutine[Any, Any, Any]):
    """What the awaitable methods return: a coroutine for tasks, a future for ``gather`` and ``wait_for``."""

    _asyncio_future_blocking: bool
    def __await__(self) -> Generator[Any, None, Any]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any: ...
    def close(self) -> None: ...
    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def add_done_callback(self, callback: Callable[[Self], object], /, *, context: Context | None = None) -> None: ...
    def remove_done_callback(self, callback: Callable[[Self], object]) -> int: ...
    def cancel(self, msg: object = None) -> bool: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool: ...
    def result(self) -> Any: ...
    def exception(self) -> BaseException | None: ...

@final
class LoopBridge:
    """One event loop's completion queue, and the operations that wait on it."""

    def __new__(cls, event_loop: asyncio.AbstractEventLoop) -> Self: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def flush(self) -> None: ...
    def look(self) -> None: ...
    def abandon(self) -> None: ...

@final
class PackageFolder:
    """A folder of files and npm packages, as any number of runtimes may use it."""

    def __new__(cls, root: str, conditions: list[str], node_env: str) -> Self: ...
    @property
    def root(self) -> Path: ...
    @property
    def options(self) -> tuple[list[str], str]: ...
    def resolve(self, specifier: str, referrer: str) -> tuple[str | None, str | None]: ...

@final
class InspectorSession:
    """A session with an isolate's inspector, without a socket. It ends with this object."""

    def __new__(cls, isolate: Isolate) -> Self: ...
    def call(self, method: str, params: str) -> str: ...
    def call_async(self, method: str, params: str) -> Operation: ...
    def heap_snapshot(self, descriptor: int) -> object: ...
    def heap_snapshot_async(self, descriptor: int) -> Operation: ...
    def close(self) -> None: ...

@final
class Isolate:
    """One V8 isolate on its own thread: extracts arguments and submits commands."""

    @staticmethod
    def open(options: RuntimeConfig) -> Isolate: ...
    @staticmethod
    def create(options: RuntimeConfig) -> tuple[Isolate, Operation]: ...
    @property
    def id(self) -> int: ...
    def eval(
        self, code: str, timeout: float | timedelta | None, cpu_timeout: float | timedelta | None, filename: str | None
    ) -> Any: ...
    def eval_async(
        self, code: str, timeout: float | timedelta | None, cpu_timeout: float | timedelta | None, filename: str | None
    ) -> Operation: ...
    def eval_module(
        self, specifier: str, timeout: float | timedelta | None, cpu_timeout: float | timedelta | None
    ) -> Any: ...
    def eval_module_async(
        self, specifier: str, timeout: float | timedelta | None, cpu_timeout: float | timedelta | None
    ) -> Operation: ...
    def snapshot(self, sources: list[tuple[bool, str, str]]) -> bytes: ...
    def add_module(self, name: str, source: Any) -> None: ...
    def set_module_resolver(self, function: Callable[[str, str], Any] | None) -> None: ...
    def set_module_loader(self, function: Callable[[str, str], Any] | None) -> None: ...
    def set_module_folder(self, folder: PackageFolder) -> None: ...
    def bind(self, name: str, value: object) -> None: ...
    def register_op(self, id: int, name: str, function: Callable[..., Any], asynchronous: bool) -> None: ...
    def register_stream(self, id: int, stream: object) -> Operation: ...
    def terminate(self) -> None: ...
    def close(self, wait: bool) -> None: ...
    def aclose(self) -> Operation: ...
    def is_closed(self) -> bool: ...
    def endpoints(self) -> dict[str, str] | None: ...
    @property
    def state(self) -> RuntimeState: ...
    def stats(self) -> Figures: ...

@final
class StreamHandle:
    def take(self, nothing: object, end: object) -> Any: ...
    def next(self, stream: JsStream) -> NextChunk: ...
    def wait(self, timeout: float | timedelta | None, blocking: bool) -> Any: ...
    def tell(self, verb: str, value: object, timeout: float | timedelta | None, blocking: bool) -> Any: ...
    def leave(self) -> None: ...
    @property
    def reading(self) -> bool: ...
    @reading.setter
    def reading(self, reading: bool, /) -> None: ...

@final
class NextChunk(Coroutine[Any, Any, Any]):
    """What ``async for`` over a `JsStream` awaits: the chunk that is there, else the coroutine that waits for one."""

    def __await__(self) -> Generator[Any, None, Any]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any: ...
    def close(self) -> None: ...

@final
class Feed:
    def add(self, chunk: object) -> int: ...
    def flush(self, how: int) -> Chunks: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...

@final
class Chunks: ...

@final
class StoreHandle: ...
