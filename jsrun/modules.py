"""ES modules from Python: what a loader may return, and what evaluating a module gives."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from ._packages import FileSystemLoader
from ._types import undefined
from .errors import RuntimeClosed, RuntimeTerminated

__all__ = ["FileSystemLoader", "JsModule", "Loader", "ModuleSource", "ModuleType", "Resolver", "Source"]

ModuleType: TypeAlias = Literal["js", "json", "text", "bytes", "wasm"]


@dataclass(frozen=True)
class ModuleSource:
    """The source of a module together with what it is.

    Args:
        source: text, or bytes (UTF-8 where text is needed).
        type: ``js``, ``json``, ``text``, ``bytes`` or ``wasm``. An import must ask for it
            (``with {type: "json"}``); without a type, the source is what the import asks for.
        source_map: the source map of JavaScript that was made from something else: its JSON text, or the mapping
            itself. Stack traces in Python then name the original places. A map that cannot be read is ignored.

    Example:
        >>> import jsrun
        >>> with jsrun.Runtime() as rt:
        ...     rt.set_module_loader(lambda name: jsrun.modules.ModuleSource('{"answer": 42}', "json"))
        ...     rt.add_static_module("main", "import data from 'data' with {type: 'json'}; export default data.answer")
        ...     rt.eval_module("main")["default"]
        42
    """

    source: str | bytes
    type: ModuleType | None = None
    source_map: str | bytes | Mapping[str, Any] | None = None


Source: TypeAlias = str | bytes | ModuleSource
Answer: TypeAlias = str | bytes | list[str | bytes]
Resolver: TypeAlias = Callable[[str, str], str | None]
Loader: TypeAlias = Callable[[str], Source | Awaitable[Source]]


class JsModule(Mapping[str, Any]):
    """The exports of a module: a read-only mapping whose items are attributes too.

    An export that was ``undefined``, ``null``, a boolean, a number, a BigInt or a string when evaluation ended is live:
    it is read each time, as JavaScript has it then. That blocks for the runtime as calling a `JsFunction` does. All
    other values are those of the moment when evaluation ended, and so is everything once the runtime is closed, and in
    a copy.
    """

    __slots__ = ("_exports", "_read", "_specifier")

    def __init__(self, specifier: str, exports: Mapping[str, Any], read: Callable[[str], Any] | None = None) -> None:
        self._specifier = specifier
        self._exports = exports
        self._read = read

    @classmethod
    def _from_native(cls, specifier: str, exports: dict[str, Any]) -> JsModule:
        """Build a module of what the engine gave: exports, and as last entry the function that reads them."""
        _, read = exports.popitem()
        return cls(specifier, exports, read)

    def __getitem__(self, name: str) -> Any:
        value = self._exports[name]
        if self._read is None or not (value is None or value is undefined or isinstance(value, (int, float, str))):
            return value
        try:
            return self._read(name)
        except (RuntimeClosed, RuntimeTerminated):
            return value

    def __reduce__(self) -> tuple[Any, ...]:
        return JsModule, (self._specifier, self._exports)

    def __getattr__(self, name: str) -> Any:
        if name in self._exports:
            return self[name]
        raise AttributeError(f"module {self._specifier!r} exports no {name!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._exports)

    def __len__(self) -> int:
        return len(self._exports)

    def __repr__(self) -> str:
        return f"<jsrun module {self._specifier!r}: {', '.join(self._exports)}>"


def check_specifier(specifier: object) -> str:
    """Return a specifier that is a `str`, or raise."""
    if not isinstance(specifier, str):
        raise TypeError(f"specifier must be a str, got {type(specifier).__name__}")
    return specifier


def loading(loader: Loader) -> Callable[[str, str], Any]:
    """Return the function that the engine calls: checks what ``loader`` returns, now or when awaited."""

    def load(name: str, wanted: str) -> Any:
        found: Any = loader(name)
        return _later(found, wanted) if inspect.isawaitable(found) else _checked(found, wanted)

    return load


async def _later(found: Awaitable[Source], wanted: str) -> Answer:
    return _checked(await found, wanted)


def _checked(found: object, wanted: str) -> Answer:
    source_map: object = None
    if isinstance(found, ModuleSource):
        if found.type is not None and found.type not in get_args(ModuleType):
            raise ValueError(f"ModuleSource.type must be one of {', '.join(get_args(ModuleType))}, got {found.type!r}")
        if found.type is not None and found.type != wanted:
            if wanted == "js":
                raise TypeError(f"it is {found.type}; import it with {{type: {found.type!r}}}")
            raise TypeError(f"it is {found.type}, and the import asks for {wanted}")
        source_map, found = found.source_map, found.source
    if not isinstance(found, (str, bytes)):
        raise TypeError(f"a loader must return str, bytes or ModuleSource, got {type(found).__name__}")
    if source_map is None:
        return found
    if isinstance(source_map, bytes):
        return [found, source_map.decode(errors="replace")]
    if isinstance(source_map, Mapping):
        return [found, json.dumps(dict(source_map))]
    if not isinstance(source_map, str):
        raise TypeError(f"ModuleSource.source_map must be str, bytes or a mapping, got {type(source_map).__name__}")
    return [found, source_map]


def resolving(resolver: Resolver) -> Callable[[str, str], str | None]:
    """Return the function that the engine calls: checks what ``resolver`` returns."""

    def resolve(specifier: str, referrer: str) -> str | None:
        name: object = resolver(specifier, referrer)
        if inspect.iscoroutine(name):
            name.close()
            raise TypeError("a resolver must not be async; let the loader do what takes time")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a resolver must return a str or None, got {type(name).__name__}")
        return name

    return resolve
