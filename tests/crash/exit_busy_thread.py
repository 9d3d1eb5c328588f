"""Exit while an ordinary thread runs endless JavaScript: it is stopped, the exit code is kept."""

import sys
import threading
import time

import jsrun

rt = jsrun.Runtime()


def work() -> None:
    try:
        rt.eval("for (;;);")
    except jsrun.JsrunError as error:
        print("ended by", type(error).__name__, flush=True)


threading.Thread(target=work).start()
time.sleep(0.3)
print("ok", flush=True)
sys.exit(7)
