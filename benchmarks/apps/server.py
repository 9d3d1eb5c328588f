"""An ASGI application served by uvicorn in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
PATIENCE = 30.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, body: Any) -> str:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with _direct.open(request, timeout=PATIENCE) as response:
        return str(response.read().decode())


class Server:
    """`with Server("web_handler:app") as url`: ready when entered, stopped when left."""

    def __init__(self, application: str) -> None:
        self._port = free_port()
        # Both directories: plain.py takes its parts from the example.
        program = (
            "import sys, uvicorn; sys.path[:0] = sys.argv[3:]; "
            "uvicorn.run(sys.argv[1], port=int(sys.argv[2]), log_level='warning', access_log=False)"
        )
        command = [sys.executable, "-c", program, application, str(self._port), str(HERE), str(EXAMPLES)]
        self._process = subprocess.Popen(command)

    def __enter__(self) -> str:
        url = f"http://127.0.0.1:{self._port}"
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with _direct.open(f"{url}/healthz", timeout=PATIENCE):
                    return url
            except (urllib.error.URLError, ConnectionError):
                if self._process.poll() is not None or time.monotonic() > end:
                    self._stop()
                    raise SystemExit("the application does not start") from None
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
