"""Runtimes as the command line makes them: limits, `args`, `env`, modules from files, a way to wait for timers."""

from __future__ import annotations

import argparse
from importlib import resources
from typing import Any

from jsrun import Runtime, RuntimeConfig
from jsrun._idle import idle_script

from .files import FileModules
from .limits import environment, runtime_options


def javascript(name: str) -> str:
    """Return the source of a JavaScript file of this package."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def host_config(given: argparse.Namespace, **handlers: Any) -> RuntimeConfig:
    """Return the configuration that the options ask for.

    Raises:
        OSError: the snapshot cannot be read.
        ValueError: a limit is out of its bounds.
    """
    return RuntimeConfig(bootstrap=idle_script() + javascript("host.js"), **runtime_options(given), **handlers)


def equip(runtime: Runtime, given: argparse.Namespace, arguments: list[str], files: FileModules) -> None:
    """Give a runtime what its program may use. No JavaScript runs: a debugger's first statement is the program's."""
    env = environment(given)
    bound: dict[str, Any] = {"args": arguments, "drain": lambda: None}
    runtime.bind_object("__jsrun_host__", bound if env is None else {**bound, "env": env})
    files.install(runtime)
