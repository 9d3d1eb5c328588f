"""A runtime's methods for ES modules: what may be imported, and evaluating one."""

from __future__ import annotations

from ._config import Timeout
from ._jsrun import Isolate
from ._packages import FileSystemLoader
from .modules import JsModule, Loader, Resolver, check_specifier, loading, resolving


class ModuleMethods:
    """The part of `Runtime` that has to do with modules."""

    _native: Isolate

    def add_static_module(self, name: str, source: str) -> None:
        """Make ``source`` the module ``name``, for imports of that name.

        Args:
            name: what import statements say: a bare name, a path or a URL. Relative imports inside are relative to it.
            source: JavaScript, or the text of a JSON or text module.

        Adding a name again replaces it for later imports; who imported it already keeps what they have.

        Example:
            >>> from jsrun import Runtime
            >>> with Runtime() as rt:
            ...     rt.add_static_module("math", "export const twice = (x) => x * 2")
            ...     rt.eval_module("math").twice(21)
            42
        """
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, got {type(name).__name__}")
        if not isinstance(source, str):
            raise TypeError(f"source must be a str, got {type(source).__name__}")
        if not name or name.startswith(("/", "./", "../")) or name in {".", ".."}:
            raise ValueError(f"a module's name must not be empty or relative, got {name!r}")
        self._native.add_module(name, source)

    def set_module_resolver(self, resolver: Resolver | None) -> None:
        """Set the function that says which module a specifier means; asked first, for every import.

        Args:
            resolver: called with the specifier and the referrer's URL (or a script's name; empty for `eval_module`);
                returns the module's name, or ``None`` where the specifier says it itself. ``None`` takes it away.
        """
        if resolver is not None and not callable(resolver):
            raise TypeError(f"resolver must be callable or None, got {type(resolver).__name__}")
        self._native.set_module_resolver(resolving(resolver) if resolver is not None else None)

    def set_module_loader(self, loader: Loader | FileSystemLoader | None) -> None:
        """Set the function that fetches the source of modules that are not static. Nothing is loadable without it.

        Args:
            loader: called with the module's name; returns `str`, `bytes` or `jsrun.modules.ModuleSource`, or an
                awaitable of one of these. Or a `jsrun.modules.FileSystemLoader`. ``None`` takes it away.
        """
        if isinstance(loader, FileSystemLoader):
            process = loader._process()
            if process is not None:
                self._native.bind("process", process)
            return self._native.set_module_folder(loader._native)
        if loader is not None and not callable(loader):
            raise TypeError(f"loader must be callable or None, got {type(loader).__name__}")
        return self._native.set_module_loader(loading(loader) if loader is not None else None)

    def eval_module(self, specifier: str, *, timeout: Timeout = None, cpu_timeout: Timeout = None) -> JsModule:
        """Load, link and evaluate a module and what it imports, blocking; return its exports.

        Args:
            specifier: what an import statement would say.
            timeout: seconds (int, float) or a timedelta; the runtime's default when ``None``.
            cpu_timeout: the same for time on the runtime's thread.

        Raises:
            ModuleError: a module cannot be resolved, loaded or compiled; names specifier and referrer.
            JavaScriptError: a module threw, or an import asks for an export that is not there.
            JavaScriptTimeout, RuntimeClosed: as of `eval`, and so are the others.
        """
        return JsModule._from_native(
            specifier, self._native.eval_module(check_specifier(specifier), timeout, cpu_timeout)
        )

    async def eval_module_async(
        self, specifier: str, *, timeout: Timeout = None, cpu_timeout: Timeout = None
    ) -> JsModule:
        """Load, link and evaluate a module; otherwise like `eval_module`. Other operations go on meanwhile."""
        exports = await self._native.eval_module_async(check_specifier(specifier), timeout, cpu_timeout)
        return JsModule._from_native(specifier, exports)
