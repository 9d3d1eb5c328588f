"""A web example as a running process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

URL = re.compile(r"Uvicorn running on (http://[\d.]+:\d+)")


class Server:
    """The example as a running process; a thread collects its log."""

    def __init__(self, program: Path) -> None:
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(program), "--port", "0"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        stderr = self.process.stderr
        assert stderr is not None
        for line in stderr:
            self.log.append(line)
            if found := URL.search(line):
                self.url = found[1]
                break
        else:
            self.process.wait(10)
            stderr.close()
            raise AssertionError("".join(self.log))
        self._reader = Thread(target=lambda: self.log.extend(stderr))
        self._reader.start()

    def stop(self) -> str:
        """Ask the server to stop, and return its whole log."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()
        return "".join(self.log)
