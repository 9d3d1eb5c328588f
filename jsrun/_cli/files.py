"""ES modules from files: those of one folder and below, and the packages in its `node_modules`."""

from __future__ import annotations

from pathlib import Path

from jsrun import Runtime
from jsrun.modules import FileSystemLoader


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
    """What a program may import.

    Args:
        root: the folder that modules come from; nothing outside of it is read, wherever a link leads.

    Raises:
        OSError: there is no such folder.
    """

    def __init__(self, root: Path) -> None:
        self._loader = FileSystemLoader(root)

    def add_main(self, runtime: Runtime, source: str, path: Path | None) -> str:
        """Make a program's text a module where its file is, or in the folder itself; return what names it."""
        name = "<stdin>" if path is None else self._name(path.resolve())
        runtime.add_static_module(name, source)
        return name

    def install(self, runtime: Runtime) -> None:
        """Let a runtime import from the folder."""
        runtime.set_module_loader(self._loader)

    def _name(self, path: Path) -> str:
        inside = path.is_relative_to(self._loader.root)
        return path.relative_to(self._loader.root).as_posix() if inside else path.name
