"""Exit while daemon threads create, use and drop runtimes."""

import threading
import time

import jsrun


def churn() -> None:
    try:
        while True:
            with jsrun.Runtime() as rt:
                for number in range(20):
                    rt.eval(f"{number}")
    except jsrun.JsrunError:
        pass


for _ in range(4):
    threading.Thread(target=churn, daemon=True).start()
time.sleep(0.5)
print("ok", flush=True)
