"""Exit while JavaScript is paused in a debugger: it is ended, the exit code is kept."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cdp

import jsrun

rt = jsrun.Runtime(inspector=jsrun.InspectorConfig(port=0))
client = cdp.Client(rt)
client.debug()


def work() -> None:
    try:
        rt.eval("debugger")
    except jsrun.JsrunError as error:
        print("ended by", type(error).__name__, flush=True)


threading.Thread(target=work).start()
client.paused()
client.drop()
again = cdp.Client(rt)
again.debug()
threading.Thread(target=work).start()
again.paused()
print("ok", flush=True)
sys.exit(7)
