"""Functions registered with atexit still evaluate, whenever they were registered."""

import atexit

atexit.register(lambda: print("early", flush=True))

import jsrun  # noqa: E402

rt = jsrun.Runtime()


def last_words() -> None:
    try:
        print("late", rt.eval("1 + 1"), flush=True)
    except jsrun.JsrunError as error:
        print("late", type(error).__name__, flush=True)


atexit.register(last_words)
print("ok", flush=True)
