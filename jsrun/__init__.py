"""jsrun: V8 isolates as citizens of asyncio."""

from . import modules as modules
from ._api import bind_function, bind_object, eval, eval_async
from ._config import RuntimeConfig
from ._context import close_default_runtime, get_default_runtime
from ._inspector import InspectorConfig, InspectorEndpoints
from ._jsrun import JsFunction, JsPromise
from ._profile import Coverage, CpuProfile, FunctionCoverage, FunctionTime, HeapSnapshot, ScriptCoverage
from ._runtime import Runtime
from ._snapshot import SnapshotBuilder
from ._stats import RuntimeStats
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
    RuntimeTerminated,
    SnapshotError,
    UnhandledRejectionWarning,
)

__version__ = "0.1.0"

__all__ = [
    "ConsoleMessage",
    "ConversionError",
    "Coverage",
    "CpuProfile",
    "DeadlockError",
    "FunctionCoverage",
    "FunctionTime",
    "HeapLimitExceeded",
    "HeapSnapshot",
    "InspectorConfig",
    "InspectorEndpoints",
    "InspectorError",
    "JavaScriptError",
    "JavaScriptTimeout",
    "JsFrame",
    "JsFunction",
    "JsMap",
    "JsPromise",
    "JsRegExp",
    "JsUndefined",
    "JsrunError",
    "ModuleError",
    "OperationLost",
    "PermissionDenied",
    "Runtime",
    "RuntimeClosed",
    "RuntimeConfig",
    "RuntimeStats",
    "RuntimeTerminated",
    "ScriptCoverage",
    "SnapshotBuilder",
    "SnapshotError",
    "UnhandledRejectionWarning",
    "bind_function",
    "bind_object",
    "close_default_runtime",
    "eval",
    "eval_async",
    "get_default_runtime",
    "undefined",
]
