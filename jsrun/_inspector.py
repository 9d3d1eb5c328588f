"""Debugging a runtime: where its inspector listens, and the methods of `Runtime` for debuggers and profilers."""

from __future__ import annotations

import dataclasses
import os

from ._jsrun import Isolate
from ._profile import Coverage, CpuProfile, HeapSnapshot
from .errors import RuntimeClosed


@dataclasses.dataclass(frozen=True)
class InspectorConfig:
    """Where debuggers reach a runtime: Chromium's DevTools, editors, anything that speaks the DevTools protocol.

    Whoever can connect and knows the runtime's id can run any JavaScript in it, and call the Python functions bound to
    it. Requests with a foreign ``Host`` or ``Origin`` are refused, so that no web page can.

    Args:
        host: IP address to listen on, or ``"localhost"``. Any other than a loopback address lets other machines in.
        port: 0 picks a free one. Runtimes of one process share a port; a port that another process has is an
            `InspectorError`.
        wait_for_connection: evaluations and calls wait until a client has connected and sent
            ``Runtime.runIfWaitingForDebugger``, as debuggers do when their breakpoints are set, or has been quiet for a
            second. Timeouts count meanwhile. Bindings, modules and the bootstrap script do not wait.
        break_on_next_statement: the first debugger pauses before the next statement.
        target_url: what clients show as the runtime's URL.
        display_name: what clients show as its name.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: the port is no port.

    Example:
        >>> import jsrun
        >>> config = jsrun.RuntimeConfig(inspector=jsrun.InspectorConfig(port=0, display_name="worker"))
        >>> with jsrun.Runtime(config) as rt:
        ...     rt.inspector_endpoints().title
        'worker'
    """

    host: str = "127.0.0.1"
    port: int = 9229
    _: dataclasses.KW_ONLY
    wait_for_connection: bool = False
    break_on_next_statement: bool = False
    target_url: str | None = None
    display_name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.host, str):
            raise TypeError(f"host must be a str, got {self.host!r}")
        if isinstance(self.port, bool) or not isinstance(self.port, int):
            raise TypeError(f"port must be an int, got {self.port!r}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, got {self.port}")
        for name in ("wait_for_connection", "break_on_next_statement"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, got {getattr(self, name)!r}")
        for name in ("target_url", "display_name"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{name} must be a str, got {text!r}")


@dataclasses.dataclass(frozen=True)
class InspectorEndpoints:
    """Where a runtime is debugged.

    Args:
        id: the runtime's id. It cannot be guessed; whoever has it can run code in the runtime.
        websocket_url: for clients of the DevTools protocol.
        devtools_frontend_url: for the address bar of Chromium.
        title: the runtime's name.
        description: what it is: ``"jsrun"``.
        target_url: what clients show as its URL.
        favicon_url: its icon; empty.
        host: address and port of the server.
    """

    id: str
    websocket_url: str
    devtools_frontend_url: str
    title: str
    description: str
    target_url: str
    favicon_url: str
    host: str


class InspectionMethods:
    """The part of `Runtime` that has to do with debugging and profiling."""

    _native: Isolate

    def inspector_endpoints(self) -> InspectorEndpoints | None:
        """Return where debuggers connect; ``None`` for a runtime without ``inspector=``.

        Raises:
            RuntimeClosed: the runtime is closed.
        """
        if self._native.is_closed():
            raise RuntimeClosed("the runtime is closed")
        endpoints = self._native.endpoints()
        return InspectorEndpoints(**endpoints) if endpoints is not None else None

    def cpu_profile(self, *, interval: float = 0.001) -> CpuProfile:
        """Profile what JavaScript does inside a ``with`` or ``async with`` block.

        Args:
            interval: seconds between two samples.

        Raises:
            ValueError: the interval is not positive.
            InspectorError: V8 refused.
            RuntimeClosed: the runtime was closed meanwhile.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt, rt.cpu_profile() as profile:
            ...     rt.eval("let n = 0; for (let i = 0; i < 1e6; i++) n += i; n")
            499999500000
            >>> profile.data["nodes"][0]["callFrame"]["functionName"]
            '(root)'
        """
        return CpuProfile(self._native, interval)

    def heap_snapshot(self, path: str | os.PathLike[str]) -> HeapSnapshot:
        """Write a snapshot of the JavaScript heap: await the result, or call its ``wait()`` to block.

        V8 collects garbage first, and JavaScript stands still until the file is written. It is written piece by piece,
        and is there when it is complete.

        Args:
            path: where; DevTools opens files that end in ``.heapsnapshot``.

        Returns:
            What to await; it gives the path.

        Raises:
            OSError: the file cannot be written.
            RuntimeClosed: the runtime is closed.
        """
        return HeapSnapshot(self._native, path)

    def coverage(self) -> Coverage:
        """Count what JavaScript runs inside a ``with`` or ``async with`` block.

        Raises:
            InspectorError: V8 refused.
            RuntimeClosed: the runtime was closed meanwhile.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt, rt.coverage() as coverage:
            ...     rt.eval("function used() {} function unused() {} used()", filename="app.js")
            undefined
            >>> {function.name: function.count for function in coverage.scripts[0].functions}
            {'': 1, 'used': 1, 'unused': 0}
        """
        return Coverage(self._native)
