"""Servers that fork: gunicorn with `--preload` and two workers, over HTTP."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

APPS = Path(__file__).parent / "forking"
LISTENS = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")
# uvicorn's workers end by the signal they were sent.
NOISE = re.compile("Traceback|panicked|Fatal|never awaited|Exception ignored|was sent SIG(?!TERM)|WORKER TIMEOUT")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gunicorn") is None or not hasattr(os, "fork"), reason="gunicorn is not installed"
)


class Gunicorn:
    """gunicorn as a running process with two workers; a thread collects its log."""

    def __init__(self, app: str, *options: str) -> None:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0"]
        command += [*options, app]
        self.process = subprocess.Popen(
            command,
            cwd=APPS,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.log: list[str] = []
        self.listening = threading.Event()
        self.url = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert self.listening.wait(30), "".join(self.log)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := LISTENS.search(line):
                self.url = found[1]
                self.listening.set()

    def get(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url, timeout=20) as response:
            found: dict[str, Any] = json.load(response)
            return found

    def from_both(self) -> dict[int, dict[str, Any]]:
        """One answer of each worker, by its process number."""
        found: dict[int, dict[str, Any]] = {}
        end = time.monotonic() + 40
        while len(found) < 2:
            assert time.monotonic() < end, "".join(self.log)
            together = [threading.Thread(target=lambda: answers.append(self.get())) for _ in range(4)]
            answers: list[dict[str, Any]] = []
            for thread in together:
                thread.start()
            for thread in together:
                thread.join()
            found |= {answer["pid"]: answer for answer in answers}
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0, "".join(self.log)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()
        log = "".join(self.log)
        assert not NOISE.search(log), log


@pytest.fixture
def gunicorn() -> Iterator[Callable[..., Gunicorn]]:
    """Starts servers, and has them stop in time and without a word of an error."""
    with ExitStack() as stack:

        def start(app: str, *options: str) -> Gunicorn:
            server = Gunicorn(app, *options)
            stack.callback(server.stop)
            return server

        yield start


@pytest.mark.parametrize(
    ("app", "options"),
    [
        ("wsgi_late:app", ()),
        ("wsgi_late:app", ("--threads", "2")),
        ("wsgi_hooks:app", ("--config", str(APPS / "gunicorn_hooks.py"))),
        ("asgi_lifespan:app", ("--worker-class", "uvicorn_worker.UvicornWorker")),
    ],
    ids=["first-use", "threads", "hooks", "lifespan"],
)
def test_workers_that_make_their_own_runtimes_work(
    gunicorn: Callable[..., Gunicorn], app: str, options: tuple[str, ...]
) -> None:
    server = gunicorn(app, *options)
    answers = server.from_both()
    assert [answer["value"] for answer in answers.values()] == [42, 42]
    assert server.process.pid not in answers


def test_a_runtime_of_the_parent_is_an_error_in_the_workers(gunicorn: Callable[..., Gunicorn]) -> None:
    server = gunicorn("wsgi_early:app")
    for answer in server.from_both().values():
        assert answer["state"] == "closed"
        assert "fork" in answer["old"] and "after forking" in answer["new"]
