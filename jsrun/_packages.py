"""`FileSystemLoader`: modules from a folder and its `node_modules`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ._jsrun import PackageFolder
from .errors import ModuleError


class FileSystemLoader:
    """Lets a runtime import the files of a folder and the npm packages in its ``node_modules``, and nothing else.

    Hand it to `Runtime.set_module_loader`; any number of runtimes may share one. Modules are called by their path from
    the folder (``src/main.js``); specifiers mean what they mean in Node.js: ``exports`` and ``imports`` with
    conditions, subpaths, ``type`` of ``package.json``, CommonJS. Nothing leaves the folder, neither by ``..`` nor by a
    symbolic link, and JavaScript does not learn where it is. See `docs/guides/packages.md`.

    Args:
        root: the folder: a str or a path.
        conditions: names of ``exports`` conditions to take besides ``import``, ``require`` and ``default``, such as
            ``"browser"``.
        node_env: ``process.env.NODE_ENV`` of CommonJS files.
        env: what JavaScript sees as ``process.env``, besides ``NODE_ENV``. With it, even empty, `set_module_loader`
            makes a global ``process``, which ES modules and scripts see too; without it only CommonJS files see one.
            Nothing of Python's own environment is in it.

    Raises:
        TypeError: an argument has the wrong type.
        OSError: there is no such folder (`FileNotFoundError`, `NotADirectoryError`).

    Example:
        >>> import tempfile, pathlib, jsrun
        >>> with tempfile.TemporaryDirectory() as folder, jsrun.Runtime() as rt:
        ...     _ = pathlib.Path(folder, "main.mjs").write_text("export default import.meta.url")
        ...     rt.set_module_loader(jsrun.modules.FileSystemLoader(folder))
        ...     rt.eval_module("./main.mjs").default
        'jsrun:///main.mjs'
    """

    __slots__ = ("_conditions", "_env", "_native", "_node_env")

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        conditions: Iterable[str] = (),
        node_env: str = "production",
        env: Mapping[str, str] | None = None,
    ) -> None:
        path: object = os.fspath(root) if isinstance(root, os.PathLike) else root
        if not isinstance(path, str):
            raise TypeError(f"root must be a str or a path of str, got {root!r}")
        if isinstance(conditions, str) or not isinstance(conditions, Iterable):
            raise TypeError(f"conditions must be several names, such as a list of str, got {conditions!r}")
        self._conditions = tuple(conditions)
        for name in (*self._conditions, node_env):
            if not isinstance(name, str):
                raise TypeError(f"conditions and node_env must be str, got {name!r}")
        self._node_env = node_env
        if env is not None:
            if not isinstance(env, Mapping):
                raise TypeError(f"env must be a mapping of str to str, got {env!r}")
            for pair in env.items():
                if not all(isinstance(part, str) for part in pair):
                    raise TypeError(f"env must be a mapping of str to str, got {pair!r} in it")
        self._env = None if env is None else {"NODE_ENV": node_env, **env}
        self._native = PackageFolder(path, list(self._conditions), node_env)

    @property
    def root(self) -> Path:
        """The folder's real path."""
        return self._native.root

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that it was made with."""
        return self._conditions

    def _process(self) -> dict[str, object] | None:
        """What is to be the global ``process``, if there is to be one."""
        if self._env is None:
            return None
        browser = {"browser": True} if "browser" in self._conditions else {}
        return {"env": dict(self._env), **browser}

    def resolve(self, specifier: str, referrer: str = "") -> str:
        """Return the name of the file that an import of ``specifier`` means: its path from the folder.

        Args:
            specifier: what the import says.
            referrer: name of the file that imports; empty for the folder itself.

        Raises:
            ModuleError: it means no file of the folder.
        """
        for name in (specifier, referrer):
            if not isinstance(name, str):
                raise TypeError(f"specifier and referrer must be str, got {name!r}")
        found, reason = self._native.resolve(specifier, referrer)
        if found is None:
            raise ModuleError(f"cannot resolve {specifier!r}: {reason}", specifier, referrer)
        return found

    def __repr__(self) -> str:
        options = f", conditions={self._conditions!r}" if self._conditions else ""
        return f"FileSystemLoader({str(self.root)!r}{options})"
