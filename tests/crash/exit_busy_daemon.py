"""Exit while a daemon thread runs endless JavaScript: the exit code is kept."""

import sys
import threading
import time

import jsrun

rt = jsrun.Runtime()


def work() -> None:
    try:
        rt.eval("for (;;);")
    except jsrun.JsrunError:
        pass


threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("ok", flush=True)
sys.exit(7)
