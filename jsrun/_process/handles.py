"""Objects of a child's JavaScript in Python's hands: functions, promises, streams. The child knows them by number."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from .._config import Timeout
from .._jsrun import JsFunction as NativeFunction
from .._jsrun import JsPromise as NativePromise
from .._types import Nothing
from ..errors import RuntimeClosed

if TYPE_CHECKING:
    from .isolate import ProcessIsolate


class Remote:
    """One object of the child's. It is released when this is gone; until then it keeps the runtime alive."""

    __slots__ = ("isolate", "number")

    def __init__(self, isolate: ProcessIsolate, number: int) -> None:
        self.isolate = isolate
        self.number = number

    def __del__(self) -> None:
        self.isolate.link.release(self.number)


class JsFunction:
    """A JavaScript function in a child process; it is used like `jsrun.JsFunction`, where all is documented."""

    # For `isinstance(value, jsrun.JsFunction)`.
    __class__ = property(lambda _: NativeFunction)

    __slots__ = ("__weakref__", "_name", "_remote")

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote: Remote | None = remote
        self._name = name

    @property
    def name(self) -> str:
        """The function's JavaScript name; empty for an anonymous one."""
        return self._name

    def _open(self) -> Remote:
        if self._remote is None:
            raise RuntimeClosed("the JavaScript function was closed")
        return self._remote

    def __call__(self, *args: Any, timeout: Timeout = None) -> Any:
        """Call the function and return its value; on a running loop's thread, an awaitable if it is still pending."""
        remote = self._open()
        return remote.isolate.call(remote.number, args, timeout)

    def call_async(self, *args: Any, timeout: Timeout = None) -> Coroutine[Any, Any, Any]:
        """Call the function; await the value."""
        remote = self._open()
        return remote.isolate.call_async(remote.number, args, timeout)

    def close(self) -> Awaitable[None]:
        """Release the function at once. Idempotent. The result may be awaited."""
        self._remote = None
        return Nothing()

    def __repr__(self) -> str:
        return f"<JsFunction {self._name or 'anonymous'}{' (closed)' if self._remote is None else ''}>"


class JsPromise:
    """A JavaScript promise in a child process; it is used like `jsrun.JsPromise`, where all is documented."""

    # For `isinstance(value, jsrun.JsPromise)`.
    __class__ = property(lambda _: NativePromise)

    __slots__ = ("__weakref__", "_remote")

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def __await__(self) -> Generator[Any, None, Any]:
        remote = self._remote
        return remote.isolate.wait_async(remote.number).__await__()

    def wait(self, timeout: Timeout = None) -> Any:
        """Drive the promise to its end, blocking."""
        return self._remote.isolate.wait(self._remote.number, timeout)

    def __repr__(self) -> str:
        return "<JsPromise>"
