"""Making a runtime without blocking the event loop."""

from __future__ import annotations

import time
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from ._config import RuntimeConfig
from ._jsrun import Isolate

if TYPE_CHECKING:
    from ._runtime import Runtime


def native_class(config: RuntimeConfig) -> type[Isolate]:
    """Return what makes the isolate: in a thread of this process, or in a child."""
    if config.isolation == "thread":
        return Isolate
    from ._process.isolate import ProcessIsolate

    return cast("type[Isolate]", ProcessIsolate)


class Creation:
    """A runtime that is being made: await it, or enter it with ``async with``."""

    def __init__(self, cls: type[Runtime], config: RuntimeConfig) -> None:
        self._class = cls
        self._config = config
        self._runtime: Runtime | None = None

    async def _create(self) -> Runtime:
        began = time.perf_counter()
        native, ready = native_class(self._config).create(self._config)
        try:
            await ready
        except BaseException:
            native.close(False)
            raise
        runtime = self._class.__new__(self._class)
        runtime._config = self._config
        runtime._native = native
        runtime._opened(began)
        return runtime

    def __await__(self) -> Generator[Any, None, Runtime]:
        return self._create().__await__()

    async def __aenter__(self) -> Runtime:
        self._runtime = await self._create()
        return self._runtime

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runtime is not None:
            await self._runtime.aclose()
