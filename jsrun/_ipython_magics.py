"""The IPython magics `%js` and `%%js`, and the runtime behind them."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from ._jsrun import JsPromise
from ._repl_mode import in_repl_mode
from ._runtime import Runtime
from ._types import undefined
from .errors import JavaScriptError, JsrunError

# Tells whether the name means that value now: a variable of `let` or `const` would hide it.
_SET = "(name, value) => { globalThis[name] = value; return Object.is((0, eval)(name), globalThis[name]) }"


@magics_class
class JavaScriptMagics(Magics):
    """One shell's magics; its runtime is made when it is first needed.

    Args:
        shell: the shell.
    """

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        # IPython has a `%%js` of its own, which runs in the browser.
        known = shell.magics_manager.magics
        self.replaced = {kind: known[kind]["js"] for kind in ("line", "cell") if "js" in known[kind]}
        self._runtime: Runtime | None = None

    @property
    def runtime(self) -> Runtime:
        """The shell's runtime."""
        if self._runtime is None or self._runtime.is_closed():
            self._runtime = Runtime(enable_console=True)
        return self._runtime

    def close(self) -> None:
        """Free the runtime; the next magic makes a new one."""
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None

    @no_var_expand
    @magic_arguments()
    @argument("-i", "--input", action="append", default=[], help="Python variables to pass, such as x,y")
    @argument("-o", "--output", help="Python variable for the result, which is then not shown")
    @argument("-t", "--timeout", type=float, help="seconds after which the cell is stopped")
    @argument("--reset", action="store_true", help="begin with a new runtime")
    @line_cell_magic
    def js(self, line: str, cell: str | None = None) -> Any:
        """Run JavaScript in the shell's runtime; return its value.

        ``%js CODE`` runs the line, ``%%js [options]`` the cell below it. Top-level ``await`` works, and ``let`` and
        ``const`` may be declared again.
        """
        __tracebackhide__ = True
        if cell is None:
            return _visible(self._run(line, None))
        given = parse_argstring(self.js, line)
        if given.reset:
            self.close()
        for name in _names(given.input):
            self._pass(name)
        value = self._run(cell, given.timeout)
        if given.output is None:
            return _visible(value)
        if not given.output.isidentifier():
            raise UsageError(f"-o takes the name of a variable, got {given.output!r}")
        self.shell.user_ns[given.output] = value
        return None

    def _pass(self, name: str) -> None:
        if name not in self.shell.user_ns:
            raise UsageError(f"there is no Python variable {name!r} to pass")
        put = self.runtime.eval(_SET)
        seen = put(name, self.shell.user_ns[name])
        put.close()
        if not seen:
            raise UsageError(f"{name!r} is declared in JavaScript already; pass the value by another name, or --reset")

    def _run(self, source: str, timeout: float | None) -> Any:
        __tracebackhide__ = True
        name = f"In[{self.shell.execution_count}]"
        try:
            try:
                value = self.runtime.eval(in_repl_mode(source), timeout=timeout, filename=name)
            except JavaScriptError as error:
                if error.name != "SyntaxError" or error.source is None or error.source[1] <= source.count("\n") + 1:
                    raise
                # It is unfinished; V8 shall show what was typed.
                value = self.runtime.eval(source, timeout=timeout, filename=name)
            return value.wait(timeout) if isinstance(value, JsPromise) else value
        except (JavaScriptError, JsrunError) as error:
            # The Python frames say nothing: what matters is JavaScript's stack, which is in the error's notes.
            raise error.with_traceback(None) from error.__cause__


def _names(given: list[str]) -> list[str]:
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"-i takes the names of variables, got {name!r}")
    return names


def _visible(value: Any) -> Any:
    return None if value is undefined else value
