"""Ctrl-C while a blocking evaluation is paused in a debugger, or waits for one: the runtime goes on."""

import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cdp

import jsrun

with jsrun.Runtime(inspector=jsrun.InspectorConfig(port=0)) as rt, cdp.Client(rt) as client:
    client.debug()

    def press() -> None:
        client.paused()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        rt.eval("debugger; 42")
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("Ctrl-C was lost")
    thread.join()
    client.event("Debugger.resumed")
    assert rt.eval("6 * 7") == 42

with jsrun.Runtime(inspector=jsrun.InspectorConfig(port=0, wait_for_connection=True)) as rt:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        rt.eval("42")
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("Ctrl-C was lost")
    with cdp.Client(rt) as client:
        client.debug()
        assert rt.eval("6 * 7") == 42
print("ok", flush=True)
