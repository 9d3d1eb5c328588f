"""What a runtime is made with: one frozen dataclass, validated when it is made."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ._inspector import InspectorConfig
from ._isolation import ProcessIsolation
from ._jsrun import check_import_map
from ._tracing import require
from ._types import ConsoleMessage
from .errors import JavaScriptError

if TYPE_CHECKING:
    from ._fetch import FetchHandler

Timeout = float | datetime.timedelta | None

_DEPTH_CEILING = 2_000
_HEAP_FLOOR = 4 << 20
_STACK_FLOOR, _STACK_CEILING = 256 << 10, 64 << 20


@dataclasses.dataclass(frozen=True)
class RuntimeConfig:
    """Limits and options of a runtime. All sizes are bytes, all times seconds.

    Args:
        max_heap_size: V8 heap limit; 512 MiB when ``None``. At least 4 MiB.
        initial_heap_size: heap to start with; V8 decides when ``None``.
        bootstrap: script that runs once, before anything else.
        timeout: deadline of every operation that names none (int, float or timedelta).
        enable_console: whether JavaScript's ``console`` writes to `sys.stdout` and `sys.stderr` (or to `on_console`);
            without it ``console`` is there and silent.
        inspector: where debuggers reach the runtime; nowhere when ``None``.
        max_buffer_bytes: limit of array buffers, shared ones and WebAssembly memories, which live outside the heap;
            512 MiB when ``None``.
        max_stack: stack that JavaScript may take on the runtime's thread, 256 KiB to 64 MiB; 984 KiB when ``None``.
        cpu_timeout: limit of the time that one operation's JavaScript takes on the runtime's thread, for operations
            that name none; waiting does not count.
        allow_eval: whether JavaScript may make code from text (``eval``, ``new Function``); else ``EvalError``.
        allow_wasm: whether there is WebAssembly.
        allow_atomics_wait: whether ``Atomics.wait`` may block the runtime's thread; else ``TypeError``.
        max_modules: modules that a runtime knows at most; they are kept as long as it lives. 50,000 when ``None``.
        max_host_calls: async host calls in flight at most; 100,000 when ``None``.
        max_unhandled_rejections: reports of unhandled rejections that wait to be told at most, more are dropped and
            counted; 1,000 when ``None``.
        max_serialization_depth: deepest nesting that crosses, 1 to 2000; 100 when ``None``.
        max_serialization_bytes: largest encoded value that crosses; 10 MiB when ``None``.
        permissions: what `Runtime.register_op` operations may ask for.
        on_unhandled_rejection: called with a `JavaScriptError` for every promise rejection that nothing handles,
            and every exception of a timer that nothing catches, instead of a warning.
        on_console: called with a `ConsoleMessage` for everything JavaScript writes to its console; implies
            `enable_console`.
        stream_high_water_mark: chunks of a stream, in either direction, that are produced before they are read.
        buffers: ``"copy"``: array buffers come to Python as `bytes` and copies. ``"share"``: as writable `memoryview`
            of their memory, which they keep alive, also after the runtime.
        fetch: async function that answers JavaScript's ``fetch``: gets a `FetchRequest`, returns a `FetchResponse`.
            Without it there is no ``fetch``. `HttpxFetch` is one.
        isolation: ``"thread"``: the isolate is a thread of this process. ``"process"``: it is in a child process, which
            a crash of V8 ends instead of this one, and which can be killed; a `ProcessIsolation` also says what the
            child may use. See `docs/guides/process-isolation.md`.
        max_process_memory: with ``isolation="process"``, bytes of memory that the child may have for itself.
        max_process_cpu: with ``isolation="process"``, seconds of processor time after which the kernel kills the child.
        snapshot: bytes of `SnapshotBuilder.build`, to start from. A snapshot is code: use only what you trust.

        import_map: what specifiers mean, as the standard has it: a mapping with ``imports`` and ``scopes``, or its JSON
            text, which is what is kept. See `docs/guides/modules.md`.
        code_cache: directory that keeps compiled code of large sources between processes; made when missing. Compiled
            code is code: name only a directory that nobody else can write to. See `docs/guides/code-cache.md`.
        slow_evaluation: seconds after which an evaluation, a call or an awaited promise is slow: its end is logged as a
            warning of the logger ``jsrun.runtime``. ``None``: no operation is. See `docs/guides/observability.md`.
        tracing: whether every such operation is an OpenTelemetry span, which host functions see as the current one.

    Raises:
        ImportError: ``tracing`` is on and ``opentelemetry-api`` not installed.
        TypeError: an option has the wrong type.
        ValueError: an option is out of its bounds.

    Example:
        >>> import jsrun
        >>> with jsrun.Runtime(jsrun.RuntimeConfig(timeout=0.5)) as rt:
        ...     rt.eval("6 * 7")
        42
    """

    max_heap_size: int | None = None
    initial_heap_size: int | None = None
    bootstrap: str | None = None
    timeout: float | datetime.timedelta | None = None
    enable_console: bool | None = False
    inspector: InspectorConfig | None = None
    # Positions up to here are those of jsrun 0.3; what follows is named.
    _: dataclasses.KW_ONLY
    max_buffer_bytes: int | None = None
    max_stack: int | None = None
    max_serialization_depth: int = 100
    max_serialization_bytes: int = 10 << 20
    permissions: Iterable[str] = ()
    on_unhandled_rejection: Callable[[JavaScriptError], Any] | None = None
    on_console: Callable[[ConsoleMessage], Any] | None = None
    snapshot: bytes | None = None
    fetch: FetchHandler | None = None
    stream_high_water_mark: int = 256
    buffers: Literal["copy", "share"] = "copy"
    code_cache: str | os.PathLike[str] | None = None
    import_map: Mapping[str, Any] | str | None = None
    cpu_timeout: float | datetime.timedelta | None = None
    allow_eval: bool = True
    allow_wasm: bool = True
    allow_atomics_wait: bool = False
    max_modules: int | None = None
    max_host_calls: int | None = None
    max_unhandled_rejections: int | None = None
    isolation: Literal["thread", "process"] | ProcessIsolation = "thread"
    max_process_memory: int | None = None
    max_process_cpu: int | None = None
    slow_evaluation: float | datetime.timedelta | None = None
    tracing: bool = False
    # Set by `SnapshotBuilder` alone.
    _recording: bool = dataclasses.field(default=False, repr=False)

    def __post_init__(self) -> None:
        self._check_sizes()
        check_timeout(self.timeout)
        check_timeout(self.cpu_timeout, "cpu_timeout")
        check_timeout(self.slow_evaluation, "slow_evaluation")
        for name in ("allow_eval", "allow_wasm", "allow_atomics_wait", "tracing"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool, got {getattr(self, name)!r}")
        if self.tracing:
            require()
        if self.bootstrap is not None and not isinstance(self.bootstrap, str):
            raise TypeError(f"bootstrap must be a str, got {type(self.bootstrap).__name__}")
        self._check_console()
        if self.buffers not in {"copy", "share"}:
            raise ValueError(f"buffers must be 'copy' or 'share', got {self.buffers!r}")
        if self.inspector is not None and not isinstance(self.inspector, InspectorConfig):
            raise TypeError(f"inspector must be an InspectorConfig, got {type(self.inspector).__name__}")
        self._check_isolation()
        if self.snapshot is not None and not isinstance(self.snapshot, bytes):
            raise TypeError(f"snapshot must be bytes, got {type(self.snapshot).__name__}")
        self._check_code_cache()
        self._check_import_map()
        if isinstance(self.permissions, str) or not isinstance(self.permissions, Iterable):
            raise TypeError(f"permissions must be several names, such as a list of str, got {self.permissions!r}")
        names = frozenset(self.permissions)
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"permissions must be str, got {name!r}")
        object.__setattr__(self, "permissions", names)
        for name in ("on_unhandled_rejection", "on_console", "fetch"):
            handler = getattr(self, name)
            if handler is not None and not callable(handler):
                raise TypeError(f"{name} must be callable, got {handler!r}")

    def _check_code_cache(self) -> None:
        if self.code_cache is None:
            return
        path: object = self.code_cache
        if isinstance(path, os.PathLike):
            path = os.fspath(path)
        if not isinstance(path, str):
            raise TypeError(f"code_cache must be a str or a path of str, got {self.code_cache!r}")
        if not path or "\0" in path:
            raise ValueError(f"code_cache must name a directory, got {path!r}")
        # Later changes of the working directory are not meant.
        object.__setattr__(self, "code_cache", str(Path(path).absolute()))
        if Path(path).exists() and not Path(path).is_dir():
            raise ValueError(f"code_cache must name a directory, and {path!r} is none")

    def _check_import_map(self) -> None:
        if self.import_map is None:
            return
        if not isinstance(self.import_map, (str, Mapping)):
            raise TypeError(f"import_map must be a mapping or JSON text, got {type(self.import_map).__name__}")
        text = (
            self.import_map if isinstance(self.import_map, str) else json.dumps(_plain(self.import_map, "import_map"))
        )
        check_import_map(text)
        object.__setattr__(self, "import_map", text)

    def _check_console(self) -> None:
        if self.enable_console is not None and not isinstance(self.enable_console, bool):
            raise TypeError(f"enable_console must be a bool, got {self.enable_console!r}")
        if self.on_console is not None:
            object.__setattr__(self, "enable_console", True)

    def _check_isolation(self) -> None:
        process = self.isolation if isinstance(self.isolation, ProcessIsolation) else None
        if process is None and self.isolation not in ("thread", "process"):
            raise ValueError(
                f"isolation must be 'thread', 'process' or a jsrun.ProcessIsolation, got {self.isolation!r}"
            )
        if self.isolation != "thread":
            for name in ("memory", "cpu"):
                if getattr(process, name, None) is not None and getattr(self, f"max_process_{name}") is not None:
                    raise ValueError(f"max_process_{name} is said by isolation=ProcessIsolation({name}=...) too")
            if self.buffers == "share":
                raise ValueError("buffers='share' needs isolation='thread': processes do not see each other's memory")
        elif self.max_process_memory is not None or self.max_process_cpu is not None:
            raise ValueError("max_process_memory and max_process_cpu need isolation='process'")

    def _check_sizes(self) -> None:
        least = {"max_heap_size": _HEAP_FLOOR, "max_stack": _STACK_FLOOR}
        most = {"max_serialization_depth": _DEPTH_CEILING, "max_stack": _STACK_CEILING}
        for name in (
            "max_heap_size",
            "initial_heap_size",
            "max_buffer_bytes",
            "max_stack",
            "max_serialization_depth",
            "max_serialization_bytes",
            "stream_high_water_mark",
            "max_modules",
            "max_host_calls",
            "max_unhandled_rejections",
            "max_process_memory",
            "max_process_cpu",
        ):
            value = getattr(self, name)
            if value is None:
                # What None means for the other sizes is the core's to say.
                if name.startswith(("max_serialization", "stream")):
                    object.__setattr__(self, name, type(self).__dataclass_fields__[name].default)
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, got {value!r}")
            if value < least.get(name, 1):
                raise ValueError(f"{name} must be at least {least.get(name, 1)}, got {value}")
            if value >= 1 << 63:
                raise ValueError(f"{name} must be below 2**63, got {value}")
            if value > most.get(name, value):
                raise ValueError(f"{name} must be at most {most[name]}, got {value}")
        if self.initial_heap_size is not None and self.initial_heap_size > (self.max_heap_size or 512 << 20):
            raise ValueError(f"initial_heap_size ({self.initial_heap_size}) must not exceed max_heap_size")


def _plain(value: object, place: str) -> object:
    """Return mappings as dictionaries, with keys that are `str`."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{place}: keys must be str, got {key!r}")
        return {key: _plain(entry, f"{place}[{key!r}]") for key, entry in value.items()}
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{place}: must be a mapping, a str or None, got {value!r}")
    return value


def check_timeout(timeout: object, name: str = "timeout") -> None:
    """Raise for a timeout that is no positive number of seconds."""
    if timeout is None:
        return
    if isinstance(timeout, datetime.timedelta):
        seconds = timeout.total_seconds()
    elif isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"{name} must be seconds (int or float), a timedelta or None, got {timeout!r}")
    else:
        seconds = timeout
    if math.isnan(seconds) or seconds <= 0:
        raise ValueError(f"{name} must be more than 0 seconds, got {timeout!r}")


def resolve(config: RuntimeConfig | None, options: dict[str, Any]) -> RuntimeConfig:
    """Combine a configuration with options that override it."""
    if config is None:
        return RuntimeConfig(**options)
    if not isinstance(config, RuntimeConfig):
        raise TypeError(f"config must be a RuntimeConfig, got {type(config).__name__}")
    return dataclasses.replace(config, **options) if options else config
