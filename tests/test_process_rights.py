"""What the child process of a runtime may do: limits, seccomp, Landlock, and nothing inherited."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import jsrun
from jsrun import ModuleError, ProcessIsolation, Runtime, RuntimeConfig, RuntimeCrashed

CONFINED = ProcessIsolation(seccomp=True, landlock=True)
linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")


def proc(rt: Runtime, name: str) -> str:
    return Path(f"/proc/{rt._native.id}/{name}").read_text()


@linux
def test_a_confined_child_says_so_and_runs_everything() -> None:
    with Runtime(isolation=CONFINED) as rt:
        status = proc(rt, "status")
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
        # Compiled, with workers of V8's own; timers; WebAssembly; time zones; random numbers.
        assert rt.eval("let n = 0; for (let i = 0; i < 2e6; i++) n += i; n") == 1999999000000
        assert rt.eval("await new Promise(r => setTimeout(r, 5, 'woken'))") == "woken"
        empty = b"\0asm\x01\0\0\0"
        assert rt.eval("bytes => WebAssembly.compile(bytes).then(() => 'compiled')")(empty) == "compiled"
        assert rt.eval("new Date(0).toLocaleTimeString('en', { timeZone: 'Asia/Tokyo' })").startswith("9:00:00")
        assert len(rt.eval("crypto.randomUUID()")) == 36
        rt.bind_function("host", lambda: rt.eval("6 * 7"))
        assert rt.eval("host()") == 42


@linux
def test_landlock_shows_the_folders_that_it_was_given(tmp_path: Path) -> None:
    for name in ("given", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.mjs").write_text(f"export default '{name}'")
    with Runtime(isolation=ProcessIsolation(landlock=True, readable=[tmp_path / "given"])) as rt:
        rt.set_module_loader(jsrun.modules.FileSystemLoader(tmp_path / "given"))
        assert rt.eval_module("./given.mjs").default == "given"
        with pytest.raises((ModuleError, OSError), match="ermission"):
            rt.set_module_loader(jsrun.modules.FileSystemLoader(tmp_path / "other"))
            rt.eval_module("./other.mjs")
    with Runtime(isolation="process") as rt:
        rt.set_module_loader(jsrun.modules.FileSystemLoader(tmp_path / "other"))
        assert rt.eval_module("./other.mjs").default == "other"


@linux
def test_a_folder_that_is_not_there_is_an_error_of_creation(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        Runtime(isolation=ProcessIsolation(landlock=True, readable=[tmp_path / "gone"]))


# The very function that the child calls, in a process that then tries.
ATTEMPTS = r"""
import ctypes, os, resource, signal, socket, subprocess, sys, threading
import jsrun
from jsrun._process import confinement

secret, mine = sys.argv[1:]
parent = os.getppid()
rights = {"nice": 1, "descriptors": 64, "memory": None, "cpu": None, "readable": ()}
rights.update(seccomp="S" in mine, landlock="L" in mine)
confinement.confine(rights, listen=False)
ATTEMPTS = {
    "read a file": lambda: open(secret).read(),
    "write a file": lambda: open(secret, "w"),
    "list a folder": lambda: os.listdir(os.path.dirname(secret)),
    "remove a file": lambda: os.unlink(secret),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": os.fork,
    "a socket": lambda: socket.socket(socket.AF_INET),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "signal another": lambda: os.kill(parent, 0),
    "trace another": lambda: ctypes.CDLL(None).ptrace(16, parent, 0, 0) and (_ for _ in ()).throw(PermissionError()),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
}
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
    except (PermissionError, ValueError):  # `setrlimit` says it so
        print("denied:", name)
    except OSError as error:
        print("failed:", name, error)
    else:
        print("allowed:", name)
threading.Thread(target=print, args=("a thread",)).start()
with jsrun.Runtime() as rt:
    print(rt.eval("let n = 0; for (let i = 0; i < 1e6; i++) n += 1; n"))
"""
BY_SECCOMP = {"run a program", "fork", "a socket", "connect", "signal another", "trace another", "raise a limit"}
CHANGES = {"write a file", "remove a file"}
BY_LANDLOCK = {"read a file", "list a folder"}


@linux
@pytest.mark.parametrize(("by", "denied"), [("S", BY_SECCOMP), ("L", BY_LANDLOCK), ("SL", BY_SECCOMP | BY_LANDLOCK)])
def test_what_a_process_may_not_do_any_more(tmp_path: Path, by: str, denied: set[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    attempts = ATTEMPTS
    if "S" not in by:
        # Without the filter they would be done.
        for name in ("run a program", "fork"):
            attempts = "\n".join(line for line in attempts.splitlines() if f'"{name}"' not in line)
    done = subprocess.run(
        [sys.executable, "-c", attempts, secret, by],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(jsrun.__file__).parent.parent)},
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done
    assert {line.partition(": ")[2] for line in lines if line.startswith("denied: ")} >= denied | CHANGES, lines
    assert lines[-1] == "1000000" and "a thread" in lines
    assert secret.exists()


def test_limits(tmp_path: Path) -> None:
    with Runtime(isolation=ProcessIsolation(memory=1 << 30, cpu=100, descriptors=40, nice=7)) as rt:
        limits = proc(rt, "limits")
        assert f"Max data size             {1 << 30}" in limits
        assert "Max cpu time              100" in limits
        assert "Max open files            40" in limits
        assert proc(rt, "stat").rpartition(")")[2].split()[16] == "7"
        assert rt.eval("1 + 1") == 2


def test_the_kernel_ends_what_takes_too_much_memory() -> None:
    with pytest.raises(RuntimeCrashed):
        with Runtime(isolation=ProcessIsolation(memory=400 << 20), max_heap_size=4 << 30) as rt:
            rt.eval("const all = []; for (;;) all.push({ x: [1, 2, 3] })")


def test_nothing_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSRUN_SECRET", "x")
    with (tmp_path / "open").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        with Runtime(isolation="process") as rt:
            assert proc(rt, "environ") == ""
            folder = Path(f"/proc/{rt._native.id}/fd")
            assert str(tmp_path) not in str([os.readlink(entry) for entry in folder.iterdir()])
            assert os.readlink(f"/proc/{rt._native.id}/cwd") == "/"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"memory": 0}, ValueError),
        ({"memory": True}, TypeError),
        ({"cpu": 1.5}, TypeError),
        ({"descriptors": 3}, ValueError),
        ({"descriptors": None}, TypeError),
        ({"nice": -1}, ValueError),
        ({"seccomp": 1}, TypeError),
        ({"landlock": True, "readable": "/etc"}, TypeError),
        ({"readable": ["/etc"]}, ValueError),
        ({"landlock": True, "readable": [5]}, TypeError),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(reversed(options))):
        ProcessIsolation(**options)


def test_a_limit_is_said_once() -> None:
    with pytest.raises(ValueError, match="max_process_memory"):
        RuntimeConfig(isolation=ProcessIsolation(memory=1 << 30), max_process_memory=1 << 30)
    with pytest.raises(ValueError, match="ProcessIsolation"):
        RuntimeConfig(isolation=5)  # type: ignore[arg-type]
