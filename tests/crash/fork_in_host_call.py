"""Fork inside a host function, while JavaScript is busy on another runtime too."""

import os
import threading
import time
import warnings

import jsrun

warnings.simplefilter("ignore", DeprecationWarning)
rt, busy = jsrun.Runtime(), jsrun.Runtime()


def spin() -> None:
    try:
        busy.eval("for (;;);")
    except jsrun.JsrunError:
        pass


thread = threading.Thread(target=spin)
thread.start()
time.sleep(0.2)


def fork() -> int:
    pid = os.fork()
    if pid == 0:
        try:
            rt.eval("1")
        except RuntimeError:
            os._exit(9)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


rt.bind_function("fork", fork)
assert rt.eval("fork()") == 9
assert rt.eval("1 + 1") == 2
busy.close()
thread.join(10)
assert not thread.is_alive()
print("ok", flush=True)
