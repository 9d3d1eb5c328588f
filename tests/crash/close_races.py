"""close, terminate, cancel and evaluations race in many threads: each call ends with a value or a typed error."""

import random
import threading
import time

import jsrun

CODES = ["1", "for (;;);", "new Promise(() => {})", "host()", "(async () => { for (;;) await 0 })()", "[1, {a: 2}]"]
unexpected: list[BaseException] = []


def work(rt: jsrun.Runtime, seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(10):
        try:
            rt.eval(choose.choice(CODES), timeout=0.05)
        except (jsrun.JsrunError, jsrun.JavaScriptError):
            pass
        except BaseException as error:
            unexpected.append(error)


for round_ in range(15):
    rt = jsrun.Runtime()
    rt.bind_function("host", lambda: time.sleep(0.001))
    threads = [threading.Thread(target=work, args=(rt, round_ * 10 + n)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(round_).random() * 0.1)
    enders = [threading.Thread(target=end) for end in (rt.close, rt.terminate, rt.close)]
    for thread in enders:
        thread.start()
    for thread in threads + enders:
        thread.join(20)
        assert not thread.is_alive(), "a thread hangs"
    assert rt.is_closed()
assert unexpected == [], unexpected
print("ok", flush=True)
