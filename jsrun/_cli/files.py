"""ES modules from files: those of one folder and below, and the packages in its `node_modules`.

Nothing outside the folder is read, whatever an import says and wherever a link leads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from jsrun import Runtime

_CONDITIONS = ("import", "module", "browser", "default")


def read_source(path: Path) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text.
    """
    return decode_source(path.read_bytes(), str(path))


def decode_source(data: bytes, name: str) -> str:
    """Return bytes as text, without a byte order mark; ``name`` is for the error.

    Raises:
        ValueError: they are no text.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from None


class FileModules:
    """Resolves and loads modules below a folder, by ``file:`` URLs.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.loads = 0

    def add_main(self, runtime: Runtime, source: str, path: Path | None) -> str:
        """Make a program's text a module where its file is, or in the folder itself; return what names it."""
        name = (path or self._root / "<stdin>").as_uri()
        runtime.add_static_module(name, source)
        return name

    def install(self, runtime: Runtime) -> None:
        """Let a runtime import from the folder."""
        runtime.set_module_resolver(self.resolve)
        runtime.set_module_loader(self.load)

    def resolve(self, specifier: str, referrer: str) -> str | None:
        """Return the URL of what ``specifier`` means; scripts and the command line stand in the folder itself."""
        base = referrer if referrer.startswith("file:") else (self._root / "_").as_uri()
        if specifier.startswith(("./", "../", "/", "file:")) or specifier in {".", ".."}:
            return _path(urljoin(base, specifier)).as_uri()
        if urlsplit(specifier).scheme:
            return None
        return self._package(specifier, _path(base)).as_uri()

    def load(self, name: str) -> bytes:
        """Return the bytes of the file that a URL names."""
        self.loads += 1
        if not name.startswith("file:"):
            raise ValueError("modules come from files here; write ./ before the name of a file")
        path = _path(name).resolve()
        if not path.is_relative_to(self._root):
            raise PermissionError(f"{path} is outside {self._root}; --allow-import names the folder to import from")
        return path.read_bytes()

    def _package(self, specifier: str, importer: Path) -> Path:
        found = re.fullmatch(r"((?:@[^/]+/)?[^/]+)(?:/(.+))?", specifier)
        if found is None:
            raise ValueError(f"{specifier!r} names no package")
        name, inside = found[1], found[2]
        for folder in importer.parents:
            if not folder.is_relative_to(self._root):
                break
            package = folder / "node_modules" / name
            if package.is_dir():
                return package / _entry(package, inside)
        raise FileNotFoundError(f"there is no package {name!r} in {self._root / 'node_modules'}")


def _path(url: str) -> Path:
    # `urljoin` leaves no dots behind that lead out of the root.
    return Path("/" + unquote(urlsplit(url).path).lstrip("/"))


def _entry(package: Path, inside: str | None) -> str:
    manifest_file = package / "package.json"
    manifest: dict[str, Any] = json.loads(manifest_file.read_bytes()) if manifest_file.is_file() else {}
    key = "." if inside is None else f"./{inside}"
    if "exports" in manifest:
        target = _exported(manifest["exports"], key)
        if target is None:
            raise FileNotFoundError(f"package {package.name!r} exports no {key!r}")
        return target
    return inside or manifest.get("module") or manifest.get("main") or "index.js"


def _exported(exports: Any, key: str) -> str | None:
    if isinstance(exports, str):
        return exports if key == "." else None
    if not isinstance(exports, dict):
        return None
    if any(name.startswith(".") for name in exports):
        return _target(exports.get(key))
    return _target(exports) if key == "." else None


def _target(target: Any) -> str | None:
    if isinstance(target, dict):
        return next((found for name in _CONDITIONS if (found := _target(target.get(name)))), None)
    return target if isinstance(target, str) else None
