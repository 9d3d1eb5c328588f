"""Visitors: each has an isolate of its own, which is kept while it is used, and freed when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Awaitable, Callable

from jsrun import ConsoleMessage, JavaScriptError, JsrunError, Runtime, RuntimeConfig
from jsrun._idle import PAUSE, idle_script

from .bounds import PlaygroundLimits
from .error_report import Source, error_report
from .evaluation import Evaluation
from .outbox import Outbox

Setup = Callable[[Runtime], Awaitable[object]]

# An isolate between runs has to come to its turn so soon, and may do that much during the pause that follows.
_TURN_SECONDS = 2.0
_QUIET_SECONDS = 0.1
_ROUND_SECONDS = 5.0


class Full(Exception):
    """Every place is taken."""


class Busy(Exception):
    """The visitor's last run has not ended."""


class Visitor:
    """One tab: its isolate, and its runs. `open` makes one."""

    _runtime: Runtime

    def __init__(self, limits: PlaygroundLimits) -> None:
        self.token = secrets.token_urlsafe(18)
        self.usable = True
        self._limits = limits
        # That of the run that goes on, or comes next: it has what is told between runs, too.
        self._outbox = Outbox(limits.console_lines)
        self._runs = 0
        self._source = Source("", "")
        self._evaluation: Evaluation | None = None
        self._task: asyncio.Task[None] | None = None
        self._last = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, limits: PlaygroundLimits, config: RuntimeConfig, setup: Setup | None) -> Visitor:
        """Return a visitor with a new isolate.

        Raises:
            OSError: the operating system refused a thread or a descriptor.
        """
        visitor = cls(limits)
        runtime = await Runtime.create(config, on_console=visitor._heard, on_unhandled_rejection=visitor._rejected)
        visitor._runtime = runtime
        try:
            if setup is not None:
                await setup(runtime)
        except BaseException:
            await runtime.aclose()
            raise
        return visitor

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self._task is not None and not self._task.done()

    def idle(self) -> float:
        """Return the seconds since the last run."""
        return 0.0 if self.busy else asyncio.get_running_loop().time() - self._last

    def start(self, code: str) -> Evaluation:
        """Run code; its events go to its outbox.

        Raises:
            Busy: the last run has not ended.
        """
        if self.busy:
            raise Busy
        self._runs += 1
        self._source = Source(f"run{self._runs}.js", code)
        self._evaluation = Evaluation(self._runtime, self._outbox, self._source, self._limits)
        self._task = asyncio.create_task(self._drive(self._evaluation))
        return self._evaluation

    def cancel(self) -> None:
        """Stop the run that is going on."""
        if self._evaluation is not None:
            self._evaluation.cancel()

    async def is_quiet(self) -> bool:
        """Tell whether the isolate does nothing between runs: what a run left behind may keep it busy for ever."""
        if self.busy:
            return True
        runs = self._runs
        try:
            await self._runtime.eval_async(PAUSE, timeout=_TURN_SECONDS, cpu_timeout=_QUIET_SECONDS)
        except (JavaScriptError, JsrunError):
            # A run that began meanwhile may be busy.
            return self._runs != runs
        return True

    async def aclose(self) -> None:
        """Stop what runs and free the isolate."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})
        self._runtime.terminate()
        await self._runtime.aclose()

    async def _drive(self, evaluation: Evaluation) -> None:
        try:
            self.usable = await evaluation.drive()
        finally:
            self._last = asyncio.get_running_loop().time()
            self._outbox = Outbox(self._limits.console_lines)

    def _heard(self, message: ConsoleMessage) -> None:
        self._outbox.heard(message)

    def _rejected(self, error: JavaScriptError) -> None:
        self._outbox.bounded("rejection", error=error_report(error, self._source))


class Visitors:
    """All visitors of a playground.

    Args:
        limits: how many there may be, and for how long.
        config: more options of their isolates.
        setup: called with every new isolate.
    """

    def __init__(self, limits: PlaygroundLimits, config: RuntimeConfig, setup: Setup | None) -> None:
        self._limits = limits
        self._config = dataclasses.replace(
            config,
            bootstrap=idle_script() + (config.bootstrap or ""),
            timeout=limits.timeout,
            max_heap_size=limits.max_heap_size,
            max_buffer_bytes=limits.max_buffer_bytes,
        )
        self._setup = setup
        self._known: dict[str, Visitor] = {}
        self._opening = 0
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._known) + self._opening

    def get(self, token: str) -> Visitor | None:
        """Return the visitor of a token."""
        return self._known.get(token)

    async def open(self) -> Visitor:
        """Welcome a new visitor.

        Raises:
            Full: every place is taken.
            OSError: the operating system refused a thread or a descriptor.
        """
        if len(self) >= self._limits.visitors:
            raise Full
        self._opening += 1
        try:
            visitor = await Visitor.open(self._limits, self._config, self._setup)
            self._known[visitor.token] = visitor
        finally:
            self._opening -= 1
        return visitor

    def leave(self, token: str) -> bool:
        """Free a visitor's isolate, in the background; return whether there was one."""
        visitor = self._known.pop(token, None)
        if visitor is None:
            return False
        task = asyncio.create_task(visitor.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return True

    def cancel_runs(self) -> None:
        """Stop every run that is going on."""
        for visitor in self._known.values():
            visitor.cancel()

    async def keep_order(self) -> None:
        """Send away, until cancelled, who is idle for too long or keeps an isolate busy between runs."""
        never = asyncio.Event()
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(never.wait(), min(_ROUND_SECONDS, self._limits.idle / 2))
            visitors = list(self._known.items())
            quiet = await asyncio.gather(*(visitor.is_quiet() for _, visitor in visitors))
            for (token, visitor), calm in zip(visitors, quiet, strict=True):
                if visitor.idle() > self._limits.idle or not calm:
                    self.leave(token)

    async def aclose(self) -> None:
        """Free every isolate."""
        for token in list(self._known):
            self.leave(token)
        if self._closing:
            await asyncio.wait(self._closing)
