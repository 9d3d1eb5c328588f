"""jsrun: V8 isolates as citizens of asyncio."""

from . import modules as modules
from ._api import bind_function, bind_object, eval, eval_async
from ._buffers import SharedBuffer, share, transfer
from ._config import RuntimeConfig
from ._context import close_default_runtime, get_default_runtime
from ._jsrun import JsFunction, JsPromise
from ._runtime import Runtime
from ._snapshot import SnapshotBuilder
from ._source import PyStreamSource
from ._stats import RuntimeStats
from ._stream import JsStream, JsWritable
from ._types import ConsoleMessage, JsMap, JsRegExp, JsUndefined, undefined
from .errors import (
    ConversionError,
    DeadlockError,
    HeapLimitExceeded,
    InspectorError,
    JavaScriptError,
    JavaScriptTimeout,
    JsFrame,
    JsrunError,
    ModuleError,
    OperationLost,
    PermissionDenied,
    RuntimeClosed,
    RuntimeCrashed,
    RuntimeTerminated,
    SnapshotError,
    StreamEnded,
    StreamError,
    UnhandledRejectionWarning,
)

__version__ = "0.1.0"

__all__ = [
    "ConsoleMessage",
    "ConversionError",
    "DeadlockError",
    "HeapLimitExceeded",
    "InspectorError",
    "JavaScriptError",
    "JavaScriptTimeout",
    "JsFrame",
    "JsFunction",
    "JsMap",
    "JsPromise",
    "JsRegExp",
    "JsStream",
    "JsUndefined",
    "JsWritable",
    "JsrunError",
    "ModuleError",
    "OperationLost",
    "PermissionDenied",
    "PyStreamSource",
    "Runtime",
    "RuntimeClosed",
    "RuntimeConfig",
    "RuntimeCrashed",
    "RuntimeStats",
    "RuntimeTerminated",
    "SharedBuffer",
    "SnapshotBuilder",
    "SnapshotError",
    "StreamEnded",
    "StreamError",
    "UnhandledRejectionWarning",
    "bind_function",
    "bind_object",
    "close_default_runtime",
    "eval",
    "eval_async",
    "get_default_runtime",
    "share",
    "transfer",
    "undefined",
]
