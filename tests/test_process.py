"""Runtimes in child processes: the bodies of other tests, crashes, and a child that lies."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import test_errors as errors
import test_function as functions
import test_modules_callers as modules
import test_runtime as runtime
import test_web_streams as streams
from modes import Js, background, in_thread, outcome, soon, wait_until

import jsrun
from jsrun import (
    ConversionError,
    JavaScriptError,
    JavaScriptTimeout,
    Runtime,
    RuntimeClosed,
    RuntimeConfig,
    RuntimeCrashed,
    RuntimeTerminated,
    undefined,
)
from jsrun._process import frames, isolate
from jsrun._process.frames import Kind, frame
from jsrun._process.writing import encode


def child(**options: Any) -> Runtime:
    return Runtime(isolation="process", **options)


@pytest.fixture
def rt() -> Iterator[Runtime]:
    """A runtime in a child process, in place of the one in a thread."""
    with child() as found:
        yield found


@pytest.fixture
def runtimes() -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes in child processes."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(child(**options))


def pid(rt: Runtime) -> int:
    number: int = rt._native.id
    return number


def gone(number: int) -> bool:
    return not Path(f"/proc/{number}").exists()


# --- the bodies of other tests, with the runtime in a child -----------------------------------------------------

test_top_level_await = runtime.test_top_level_await
test_declarations_stay_for_later_evaluations = runtime.test_declarations_stay_for_later_evaluations
test_a_hundred_timeouts_at_once = runtime.test_a_hundred_timeouts_at_once
test_a_timeout_of_one_leaves_the_others_waiting = runtime.test_a_timeout_of_one_leaves_the_others_waiting
test_every_endless_loop_times_out = runtime.test_every_endless_loop_times_out_and_the_runtime_goes_on
test_a_cycle_of_runtime_and_host_function_is_collected = runtime.test_a_cycle_of_runtime_and_host_function_is_collected
