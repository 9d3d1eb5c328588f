"""What V8's profilers say, without a debugger: CPU profiles, heap snapshots, coverage."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import os
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._jsrun import InspectorSession, Isolate
from .errors import InspectorError, JsrunError

if TYPE_CHECKING:
    from typing_extensions import Self

# Not functions: time outside JavaScript.
_OUTSIDE = frozenset({"(root)", "(program)", "(idle)"})


def _result(response: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(response)
    if "error" in answer:
        raise InspectorError(answer["error"].get("message", "V8 refused"))
    result: dict[str, Any] = answer["result"]
    return result


def _session(isolate: Isolate) -> InspectorSession:
    """Return a session with an isolate of this process."""
    if not isinstance(isolate, Isolate):
        raise InspectorError("profiles need isolation='thread'; connect a debugger to a child process, by inspector=")
    return InspectorSession(isolate)


class _Measurement:
    """Something V8 measures while a block runs. Subclasses say which protocol calls begin and end it."""

    def __init__(self, isolate: Isolate) -> None:
        self._isolate = isolate
        self._session: InspectorSession | None = None
        self._data: dict[str, Any] | None = None

    def _begin(self) -> list[tuple[str, dict[str, Any]]]:
        raise NotImplementedError

    def _end(self) -> str:
        raise NotImplementedError

    @property
    def data(self) -> dict[str, Any]:
        """What V8 measured, in its own form.

        Raises:
            InspectorError: the block has not ended.
        """
        if self._data is None:
            raise InspectorError("there is no result before the block has ended")
        return self._data

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `data` as JSON, and return the path."""
        target = Path(path)
        target.write_text(json.dumps(self.data, separators=(",", ":")), encoding="utf-8")
        return target

    def _open(self) -> InspectorSession:
        if self._session is not None or self._data is not None:
            raise InspectorError("this was used before; make a new one for each block")
        self._session = _session(self._isolate)
        return self._session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()

    def __enter__(self) -> Self:
        session = self._open()
        try:
            for method, params in self._begin():
                _result(session.call(method, json.dumps(params)))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is None:
            return
        try:
            self._data = _result(self._session.call(self._end(), "{}"))
        except JsrunError:
            # What the block raised says more.
            if error is None:
                raise
        finally:
            self._close()

    async def __aenter__(self) -> Self:
        session = self._open()
        try:
            for method, params in self._begin():
                _result(await session.call_async(method, json.dumps(params)))
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is None:
            return
        try:
            response = await self._session.call_async(self._end(), "{}")
            # A long profile is large: the loop goes on meanwhile.
            self._data = await asyncio.to_thread(_result, response)
        except JsrunError:
            if error is None:
                raise
        finally:
            self._close()


@dataclasses.dataclass(frozen=True)
class FunctionTime:
    """How long one function ran.

    Args:
        name: its name; ``(anonymous)`` where it has none.
        url: its script.
        line: its line, from 1; 0 for functions of V8's own.
        self_ms: milliseconds in the function itself.
        total_ms: milliseconds in it and in what it called.
    """

    name: str
    url: str
    line: int
    self_ms: float
    total_ms: float


class CpuProfile(_Measurement):
    """A CPU profile: what `Runtime.cpu_profile` returns. Its results are there when its block has ended.

    `save` writes a ``.cpuprofile`` file, which DevTools, editors and speedscope open.
    """

    def __init__(self, isolate: Isolate, interval: float) -> None:
        super().__init__(isolate)
        if isinstance(interval, bool) or not isinstance(interval, (int, float)):
            raise TypeError(f"interval must be seconds (int or float), got {interval!r}")
        if not (math.isfinite(interval) and interval > 0):
            raise ValueError(f"interval must be more than 0 seconds, got {interval!r}")
        self._interval = max(1, round(interval * 1e6))

    def _begin(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            ("Profiler.enable", {}),
            ("Profiler.setSamplingInterval", {"interval": self._interval}),
            ("Profiler.start", {}),
        ]

    def _end(self) -> str:
        return "Profiler.stop"

    @property
    def data(self) -> dict[str, Any]:
        """The profile as DevTools has it: nodes, samples, time deltas."""
        profile: dict[str, Any] = super().data["profile"]
        return profile

    @property
    def duration_ms(self) -> float:
        """Milliseconds between the first and the last moment."""
        elapsed: float = self.data["endTime"] - self.data["startTime"]
        return elapsed / 1e3

    def top(self, count: int = 10) -> list[FunctionTime]:
        """Return the functions in which most time was spent, the longest first.

        Args:
            count: how many at most.
        """
        nodes = {node["id"]: node for node in self.data["nodes"]}
        own = self._own_times()
        self_times: dict[tuple[str, str, int], float] = {}
        totals: dict[tuple[str, str, int], float] = {}
        parents = {child: node["id"] for node in nodes.values() for child in node.get("children", ())}
        for number, spent in own.items():
            key = _function(nodes[number])
            self_times[key] = self_times.get(key, 0.0) + spent
            seen = set()
            place: int | None = number
            while place is not None:
                # A function that calls itself counts once.
                seen.add(_function(nodes[place]))
                place = parents.get(place)
            for function in seen:
                totals[function] = totals.get(function, 0.0) + spent
        times = [
            FunctionTime(*key, self_times.get(key, 0.0) / 1e3, total / 1e3)
            for key, total in totals.items()
            if key[0] not in _OUTSIDE
        ]
        times.sort(key=lambda time: (-time.self_ms, -time.total_ms, time.name))
        return times[:count]

    def _own_times(self) -> dict[int, float]:
        """Return microseconds by node: each sample lasts until the next one."""
        samples, deltas = self.data.get("samples", []), self.data.get("timeDeltas", [])
        own: dict[int, float] = {}
        for sample, spent in zip(samples, deltas[1:], strict=False):
            own[sample] = own.get(sample, 0.0) + max(0, spent)
        return own

    def table(self, count: int = 10) -> str:
        """Return `top` as text."""
        lines = [f"{'self ms':>10} {'total ms':>10}  function"]
        for time in self.top(count):
            place = f" ({time.url}:{time.line})" if time.url else ""
            lines.append(f"{time.self_ms:10.1f} {time.total_ms:10.1f}  {time.name}{place}")
        return "\n".join(lines)


def _function(node: dict[str, Any]) -> tuple[str, str, int]:
    frame = node["callFrame"]
    return frame["functionName"] or "(anonymous)", frame["url"], frame["lineNumber"] + 1


@dataclasses.dataclass(frozen=True)
class FunctionCoverage:
    """How often one function ran.

    Args:
        name: its name; empty for a script as a whole, and for functions without one.
        count: how often it was called.
        start: where it begins in the source, in UTF-16 units.
        end: where it ends there.
        uncovered: parts of it that did not run, as pairs of start and end.
    """

    name: str
    count: int
    start: int
    end: int
    uncovered: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class ScriptCoverage:
    """What ran of one script.

    Args:
        url: the script.
        functions: its functions, the script as a whole first.
    """

    url: str
    functions: tuple[FunctionCoverage, ...]

    @property
    def called(self) -> int:
        """How many of its functions ran."""
        return sum(1 for function in self.functions if function.count)


class Coverage(_Measurement):
    """Coverage: what `Runtime.coverage` returns. Its results are there when its block has ended.

    `save` writes V8's own JSON, which c8 and other tools for Node.js's ``NODE_V8_COVERAGE`` read.
    """

    def _begin(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            ("Profiler.enable", {}),
            ("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True}),
        ]

    def _end(self) -> str:
        return "Profiler.takePreciseCoverage"

    @property
    def scripts(self) -> list[ScriptCoverage]:
        """The scripts that ran; not those of jsrun itself."""
        return [
            ScriptCoverage(script["url"], tuple(map(_function_coverage, script["functions"])))
            for script in self.data["result"]
            if not script["url"].startswith(("ext:", "checkin:"))
        ]

    def table(self) -> str:
        """Return one line of text for each script: functions that ran, and functions there are."""
        lines = [f"{'ran':>6} {'of':>6}  script"]
        lines += [
            f"{script.called:6} {len(script.functions):6}  {script.url or '(no name)'}" for script in self.scripts
        ]
        return "\n".join(lines)


def _function_coverage(function: dict[str, Any]) -> FunctionCoverage:
    whole, *parts = function["ranges"]
    uncovered = tuple((part["startOffset"], part["endOffset"]) for part in parts if part["count"] == 0)
    if whole["count"] == 0:
        uncovered = ((whole["startOffset"], whole["endOffset"]),)
    return FunctionCoverage(
        function["functionName"], whole["count"], whole["startOffset"], whole["endOffset"], uncovered
    )


class HeapSnapshot:
    """A heap snapshot to be written: await it, or `wait` for it. Each time writes a new one."""

    def __init__(self, isolate: Isolate, path: str | os.PathLike[str]) -> None:
        self._isolate = isolate
        self._path = Path(path)

    def __await__(self) -> Generator[Any, None, Path]:
        """Write the snapshot and return its path."""
        return self._write().__await__()

    def wait(self) -> Path:
        """Write the snapshot, blocking, and return its path.

        Example:
            >>> import tempfile
            >>> from jsrun import Runtime
            >>> with Runtime() as rt, tempfile.TemporaryDirectory() as directory:
            ...     rt.heap_snapshot(f"{directory}/now.heapsnapshot").wait().stat().st_size > 0
            True
        """
        session, partial, descriptor = self._open()
        try:
            session.heap_snapshot(descriptor)
            return self._finish(partial)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    async def _write(self) -> Path:
        session, partial, descriptor = self._open()
        try:
            await session.heap_snapshot_async(descriptor)
            return self._finish(partial)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _open(self) -> tuple[InspectorSession, Path, int]:
        session = _session(self._isolate)
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}-{id(session)}.partial")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        # It holds whatever JavaScript holds: secrets too.
        return session, partial, os.open(partial, flags, 0o600)

    def _finish(self, partial: Path) -> Path:
        partial.replace(self._path)
        return self._path
