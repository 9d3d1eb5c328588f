"""The orchestrator's end of one worker: start, ask with a time limit, stop."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


class WorkerFailure(Exception):
    """The worker could not do what it was asked; it can be asked again."""


class WorkerGone(WorkerFailure):
    """The worker hung (and was killed) or died."""


class WorkerProcess:
    """One long-lived subprocess that runs cases for one library, one at a time."""

    def __init__(self, python: str, script: Path) -> None:
        # PYTHONPATH could put this checkout in front of another environment's jsrun.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.about = self._answer(START_TIMEOUT)

    def measure(self, case: str, timeout: float) -> float:
        """Run one case, in seconds or bytes."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"case": case}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says how it ended
        answer = self._answer(timeout)
        if "error" in answer:
            raise WorkerFailure(answer["error"])
        return float(answer["value"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_TIMEOUT)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")  # end of file

    def _answer(self, timeout: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout)
        except Empty:
            self._kill()
            raise WorkerGone(f"no answer within {timeout:g} s") from None
        if not line:
            raise WorkerGone(f"the process ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
