"""Every exception of jsrun.

::

    JsrunError(RuntimeError)
    ├── RuntimeClosed               the runtime was closed, or its process forked
    ├── RuntimeTerminated           terminate() was called
    │   └── HeapLimitExceeded       the JavaScript heap reached max_heap_size
    ├── JavaScriptTimeout           (also TimeoutError) the deadline passed
    ├── PoolTimeout                 (also TimeoutError) no runtime of a pool was free in time
    ├── RuntimeCrashed              the runtime's child process is gone, and what was in flight with it
    ├── OperationLost               V8 dropped this operation's jobs when it stopped another one
    ├── DeadlockError               it could never finish
    ├── ConversionError             (also TypeError) a value has no form on the other side
    ├── PermissionDenied            (also PermissionError) an operation's permission was not granted
    ├── FetchError                  HttpxFetch could not complete a request
    ├── ModuleError
    ├── StreamError                 a stream is used wrongly: two readers at once
    │   └── StreamEnded             (also EOFError) read() at the end of a stream
    ├── SnapshotError
    └── InspectorError
    JavaScriptError(Exception)      JavaScript threw
    UnhandledRejectionWarning(RuntimeWarning)

This module imports nothing of jsrun: the native half looks these classes up by name.
"""

from __future__ import annotations

import sys
from typing import Any, TypedDict

__all__ = [
    "ConversionError",
    "DeadlockError",
    "FetchError",
    "HeapLimitExceeded",
    "InspectorError",
    "JavaScriptError",
    "JavaScriptTimeout",
    "JsFrame",
    "JsrunError",
    "ModuleError",
    "OperationLost",
    "PermissionDenied",
    "PoolTimeout",
    "RuntimeClosed",
    "RuntimeCrashed",
    "RuntimeTerminated",
    "SnapshotError",
    "StreamEnded",
    "StreamError",
    "UnhandledRejectionWarning",
]


class JsrunError(RuntimeError):
    """Base of everything that jsrun itself raises."""


class RuntimeClosed(JsrunError):
    """The runtime, or the handle used, is closed. Create a new one."""


class RuntimeTerminated(JsrunError):
    """`Runtime.terminate()` stopped the runtime. Only `close()` is left."""


class HeapLimitExceeded(RuntimeTerminated):
    """The operation filled the JavaScript heap and was stopped; the runtime goes on if the memory came back."""


class JavaScriptTimeout(JsrunError, TimeoutError):
    """The operation did not finish within its timeout and was stopped; the runtime goes on."""


class PoolTimeout(JsrunError, TimeoutError):
    """No runtime of the pool was free within the timeout. No JavaScript ran: trying again later is safe."""


class RuntimeCrashed(JsrunError):
    """The child process of a runtime with ``isolation="process"`` ended, or had to be killed. Create a new runtime.

    Args:
        message: how it ended, and what was in flight.
        signal: number of the signal that ended it, if one did.
        exit_code: its exit status, if it exited.
        in_flight: the operations that ended with it, by the names of their methods.
    """

    def __init__(
        self,
        message: str,
        *,
        signal: int | None = None,
        exit_code: int | None = None,
        in_flight: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.signal = signal
        self.exit_code = exit_code
        self.in_flight = in_flight

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),), self.__dict__


class OperationLost(JsrunError):
    """Another operation was stopped inside a promise job, and V8 dropped this one's queued jobs with it. Try again."""


class DeadlockError(JsrunError):
    """The operation could never finish; the text names the cycle and the way out."""


class ConversionError(JsrunError, TypeError):
    """A value cannot cross the border; the text begins with its path, such as ``$.users[3].key``."""


class PermissionDenied(JsrunError, PermissionError):
    """JavaScript called an operation whose permission the runtime was not granted."""


class FetchError(JsrunError):
    """`HttpxFetch` could not complete a request: the connection, a redirect, the size of the response."""


class StreamError(JsrunError):
    """A stream is used in a way it cannot serve: read from two tasks at once."""


class StreamEnded(StreamError, EOFError):
    """`JsStream.read` found no further chunk."""


class ModuleError(JsrunError):
    """A module could not be resolved, loaded or linked.

    Args:
        message: what happened.
        specifier: what was imported, as written.
        referrer: URL of the module, or name of the script, that imported it; empty for `Runtime.eval_module`.

    ``__cause__`` is what the resolver or loader raised, or JavaScript's syntax error.
    """

    def __init__(self, message: str, specifier: str = "", referrer: str = "") -> None:
        super().__init__(message)
        self.specifier = specifier
        self.referrer = referrer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.specifier, self.referrer)


class SnapshotError(JsrunError):
    """A snapshot could not be made or used."""


class InspectorError(JsrunError):
    """The inspector could not be started, or could not do what was asked."""


class UnhandledRejectionWarning(RuntimeWarning):
    """A JavaScript promise was rejected and nothing handles it."""


class JsFrame(TypedDict, total=False):
    """One JavaScript stack frame; lines and columns count from 1."""

    function_name: str
    file_name: str
    line_number: int
    column_number: int


class JavaScriptError(Exception):
    """JavaScript threw.

    Attributes:
        name: class name of the error (``"TypeError"``), or ``None`` when something else than an error was thrown.
        message: its message.
        stack: V8's formatted stack, if there is one.
        frames: the stack as a list of `JsFrame`, innermost first.
        cause: ``error.cause`` as a `JavaScriptError`, or the Python exception a host function raised; also as
            ``__cause__``.
        errors: the errors of an ``AggregateError``.
        value: what was thrown, when it was no error.
        source: for syntax errors ``(file, line, column, text of the line)``, else ``None``.

    Example:
        >>> import jsrun
        >>> try:
        ...     jsrun.eval("null.x")
        ... except jsrun.JavaScriptError as error:
        ...     print(error.name)
        TypeError
    """

    name: str | None
    message: str
    stack: str | None
    frames: list[JsFrame]
    cause: BaseException | None
    errors: list[JavaScriptError]
    value: Any
    source: tuple[str, int, int, str] | None

    def __init__(self, message: str = "", *, name: str | None = "Error") -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.stack = None
        self.frames = []
        self.cause = None
        self.errors = []
        self.value = None
        self.source = None

    @classmethod
    def _from_parts(cls, *, raised: bool, has_value: bool = False, source: Any = None, **parts: Any) -> JavaScriptError:
        """Build the error that the native half took apart."""
        error = cls(parts["message"], name=parts["name"])
        error.stack = parts["stack"]
        error.frames = parts["frames"]
        error.errors = parts["errors"]
        error.cause = error.__cause__ = parts["cause"]
        error.value = parts.get("value")
        if source is not None and (error.name == "SyntaxError" or not error.frames):
            error.source = source
        if raised and error.frames and sys.version_info >= (3, 11):
            error.add_note(error._frames_text())
        if error.source is not None and not error.frames:
            # Nothing called it: the place itself is the one frame, and `str` shows it.
            file, line, column, _ = error.source
            error.frames = [{"file_name": file, "line_number": line, "column_number": column}]
        return error

    def _frames_text(self) -> str:
        lines = ["JavaScript stack (innermost first):"]
        for frame in self.frames:
            place = (
                f"{frame.get('file_name', '<anonymous>')}:{frame.get('line_number', 0)}:{frame.get('column_number', 0)}"
            )
            function = frame.get("function_name")
            lines.append(f"  at {function} ({place})" if function else f"  at {place}")
        return "\n".join(lines)

    def __str__(self) -> str:
        if self.name is None:
            text = f"Uncaught {self.message}"
        elif self.message:
            text = f"{self.name}: {self.message}"
        else:
            text = self.name
        if self.name == "SyntaxError" and self.source is not None:
            file, line, column, source = self.source
            text += f"\n  at {file}:{line}:{column}"
            if source:
                text += f"\n    {source}\n    {' ' * (min(column, 101) - 1)}^"
        if self.frames and self.source is None and sys.version_info < (3, 11):
            text += "\n" + self._frames_text()
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: value for key, value in self.__dict__.items() if key != "__notes__"}
        return (_rebuild, (self.message, self.name, state, getattr(self, "__notes__", None)))


def _rebuild(message: str, name: str | None, state: dict[str, Any], notes: list[str] | None) -> JavaScriptError:
    error = JavaScriptError(message, name=name)
    error.__dict__.update(state)
    error.__cause__ = error.cause
    if sys.version_info >= (3, 11):
        for note in notes or ():
            error.add_note(note)
    return error
