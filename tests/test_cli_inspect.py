"""`jsrun inspect`: it tells where to connect, waits, pauses at the program's first statement, and ends with it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import call, start

cdp = pytest.importorskip("cdp")

Inspect = Callable[..., tuple["subprocess.Popen[str]", SimpleNamespace]]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "other.js").write_text("export const other = 1")
    path = tmp_path / "program.js"
    path.write_text("import {other} from './other.js'\nconst secret = args[0]\nconsole.log(secret, other)\n")
    return path


@pytest.fixture
def inspect() -> Iterator[Inspect]:
    """Starts `jsrun inspect` on a free port; gives the process, and what a client needs to know of its runtime."""
    with ExitStack() as stack:

        def begin(*arguments: object) -> tuple[subprocess.Popen[str], SimpleNamespace]:
            process = stack.enter_context(start("inspect", "--port", "0", *arguments))
            assert process.stderr is not None
            found = re.fullmatch(r"Debugger: ws://(.*)/ws/(.*)\n", process.stderr.readline())
            assert found is not None
            assert re.fullmatch(r"Chromium: devtools://\S+\n", process.stderr.readline())
            endpoints = SimpleNamespace(host=found[1], id=found[2])
            return process, SimpleNamespace(inspector_endpoints=lambda: endpoints)

        yield begin


def test_it_waits_and_pauses_at_the_first_statement(inspect: Inspect, program: Path) -> None:
    process, remote = inspect(program, "a", "--b")
    assert process.stderr is not None
    assert process.stderr.readline() == "Waiting for a debugger; Ctrl-C ends\n"
    with cdp.Client(remote) as client:
        client.debug()
        frame = client.paused()
        assert frame["url"] in {f"jsrun:///{program.name}", "jsrun:///other.js"}
        assert frame["location"]["lineNumber"] == 0
        client.call("Debugger.resume")
        assert process.communicate(timeout=20) == ("a 1\n", "")
    assert process.returncode == 0


def test_a_script_pauses_in_its_own_first_line(inspect: Inspect, tmp_path: Path) -> None:
    script = tmp_path / "script.js"
    script.write_text("\nconst answer = 42\nanswer\n")
    process, remote = inspect(script)
    with cdp.Client(remote) as client:
        client.debug()
        frame = client.paused()
        assert (frame["url"].rpartition("/")[2], frame["location"]["lineNumber"]) == ("script.js", 1)
        client.call("Debugger.resume")
        assert process.communicate(timeout=20)[0] == "42\n"


def test_it_need_not_pause_nor_wait(inspect: Inspect, program: Path) -> None:
    process, remote = inspect("--no-break", program, "a")
    with cdp.Client(remote) as client:
        client.debug()
        assert process.communicate(timeout=20)[0] == "a 1\n"
    process, _ = inspect("--no-wait", "--no-break", program, "a")
    assert process.communicate(timeout=20) == ("a 1\n", "")


def test_ctrl_c_ends_the_waiting(inspect: Inspect, program: Path) -> None:
    process, _ = inspect(program)
    assert process.stderr is not None
    assert process.stderr.readline() == "Waiting for a debugger; Ctrl-C ends\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "Interrupted\n")
    assert process.returncode == 130


def test_a_timeout_ends_the_waiting(inspect: Inspect, program: Path) -> None:
    process, _ = inspect("--timeout", "0.3", program)
    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == 124


def test_a_wrong_address_is_named(program: Path) -> None:
    assert call("inspect", "--port", "70000", program).returncode == 2
    assert call("inspect", "--port", "x", program).returncode == 2
    done = call("inspect", "--host", "192.0.2.1", program)
    assert (done.returncode, done.stdout) == (1, "")
    assert "InspectorError" in done.stderr
