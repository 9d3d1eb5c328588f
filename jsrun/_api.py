"""Module-level functions over the default runtime, one line each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ._config import Timeout
from ._context import get_default_runtime


def eval(code: str, *, timeout: Timeout = None, filename: str | None = None) -> Any:
    """Evaluate a script on the default runtime, blocking. See `Runtime.eval`.

    Example:
        >>> import jsrun
        >>> jsrun.eval("2 + 2")
        4
    """
    return get_default_runtime().eval(code, timeout=timeout, filename=filename)


def eval_async(code: str, *, timeout: Timeout = None, filename: str | None = None) -> Coroutine[Any, Any, Any]:
    """Evaluate a script on the default runtime; await the result. See `Runtime.eval_async`."""
    return get_default_runtime().eval_async(code, timeout=timeout, filename=filename)


def bind_function(name: str, handler: Callable[..., Any], *, inline: bool = False) -> None:
    """Make ``handler`` a global function of the default runtime. See `Runtime.bind_function`."""
    get_default_runtime().bind_function(name, handler, inline=inline)


def bind_object(name: str, obj: Mapping[str, Any] | object, *, attributes: bool = False) -> None:
    """Make ``obj`` a global object of the default runtime. See `Runtime.bind_object`."""
    get_default_runtime().bind_object(name, obj, attributes=attributes)
