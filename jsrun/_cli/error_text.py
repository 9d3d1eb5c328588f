"""Errors as text for people: what happened, where, and what caused it."""

from __future__ import annotations

from jsrun import HeapLimitExceeded, JavaScriptError, JavaScriptTimeout, JsFrame, ModuleError

from .json_form import to_json

_CAUSES = 5
# Files that are not the user's: the Web platform's and those of the command line.
_INTERNAL = ("ext:", "<bootstrap>", "jsrun:repl.js")


def error_text(error: BaseException) -> str:
    """Return the text that stands for an exception on a terminal."""
    parts = [_one(error)]
    cause = None if isinstance(error, ModuleError) else error.__cause__
    # A `ModuleError` says itself what the loader raised, or where the syntax is wrong.
    while cause is not None and len(parts) <= _CAUSES:
        parts.append("Caused by: " + _one(cause))
        cause = cause.__cause__
    return "\n".join(parts)


def _one(error: BaseException) -> str:
    if isinstance(error, JavaScriptError):
        return _javascript(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted"
    if isinstance(error, JavaScriptTimeout):
        return f"Timeout: {error}"
    if isinstance(error, HeapLimitExceeded):
        return f"Heap limit: {error}"
    return f"{type(error).__name__}: {error}"


def _javascript(error: JavaScriptError) -> str:
    if error.name is None:
        value = error.value
        lines = [f"Uncaught {error.message if value is None or isinstance(value, str) else to_json(value)}"]
    else:
        lines = [": ".join(part for part in (error.name, error.message) if part)]
    if error.source is not None and error.source[3]:
        _, _, column, source = error.source
        lines += [f"    {source}", f"    {' ' * (min(column, 101) - 1)}^"]
    frames = [frame for frame in error.frames if not frame.get("file_name", "").startswith(_INTERNAL)]
    lines += [f"    at {frame_text(frame)}" for frame in frames]
    lines += [f"  - {error_text(one)}".replace("\n", "\n    ") for one in error.errors]
    return "\n".join(lines)


def frame_text(frame: JsFrame) -> str:
    """Return one stack frame as V8 writes them."""
    place = f"{frame.get('file_name', '<anonymous>')}:{frame.get('line_number', 0)}:{frame.get('column_number', 0)}"
    function = frame.get("function_name")
    return f"{function} ({place})" if function else place
