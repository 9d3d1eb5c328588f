"""jsrun: V8 isolates as citizens of asyncio."""

from . import errors as errors
from . import modules as modules
from ._api import bind_function, bind_object, eval, eval_async
from ._buffers import SharedBuffer, share, transfer
from ._config import RuntimeConfig
from ._context import close_default_runtime, get_default_runtime
from ._fetch import FetchRequest, FetchResponse
from ._httpx import HttpxFetch
from ._inspector import InspectorConfig, InspectorEndpoints
from ._isolation import ProcessIsolation
from ._jsrun import JsFunction, JsPromise
from ._pool import PoolStats, RuntimePool
from ._profile import Coverage, CpuProfile, FunctionCoverage, FunctionTime, HeapSnapshot, ScriptCoverage
from ._reactor import ReactorStats, get_reactor_stats
from ._runtime import Runtime
from ._snapshot import SnapshotBuilder
from ._source import PyStreamSource
from ._stats import InterruptStats, RuntimeStats
from ._stream import JsStream, JsWritable
from ._types import ConsoleMessage, JsMap, JsRegExp, JsUndefined, undefined
from .errors import *  # noqa: F403 - every exception is public

__version__ = "0.1.0"

__all__ = [
    "ConsoleMessage",
    "Coverage",
    "CpuProfile",
    "FetchRequest",
    "FetchResponse",
    "FunctionCoverage",
    "FunctionTime",
    "HeapSnapshot",
    "HttpxFetch",
    "InspectorConfig",
    "InspectorEndpoints",
    "InterruptStats",
    "JsFunction",
    "JsMap",
    "JsPromise",
    "JsRegExp",
    "JsStream",
    "JsUndefined",
    "JsWritable",
    "PoolStats",
    "ProcessIsolation",
    "PyStreamSource",
    "ReactorStats",
    "Runtime",
    "RuntimeConfig",
    "RuntimePool",
    "RuntimeStats",
    "ScriptCoverage",
    "SharedBuffer",
    "SnapshotBuilder",
    "bind_function",
    "bind_object",
    "close_default_runtime",
    "eval",
    "eval_async",
    "get_default_runtime",
    "get_reactor_stats",
    "share",
    "transfer",
    "undefined",
]
__all__ += errors.__all__
