"""Code too long for the engine is a ValueError; long code that fits runs or fails in JavaScript."""

import asyncio

import jsrun

LIMIT = 2**29 - 24
with jsrun.Runtime() as rt:
    code = " " * 600_000_000
    for act in (lambda: rt.eval(code), lambda: asyncio.run(rt.eval_async(code))):
        try:
            act()
        except ValueError as error:
            assert len(str(error)) < 1000
        else:
            raise AssertionError("no ValueError")
    code = ""
    assert rt.eval(" " * 50_000_000 + "1 + 1") == 2
    try:
        jsrun.Runtime(bootstrap=" " * (LIMIT + 1))
    except ValueError:
        pass
    else:
        raise AssertionError("no ValueError for the bootstrap")
    try:
        rt.eval("n => 1")("x" * (LIMIT + 1))
    except (ValueError, jsrun.ConversionError):
        pass
    else:
        raise AssertionError("no error for the argument")
    big = jsrun.Runtime(max_serialization_bytes=1 << 34)
    try:
        big.eval("n => 1")("x" * (LIMIT + 1))
    except (ValueError, jsrun.ConversionError):
        pass
    else:
        raise AssertionError("no error for the argument beyond the engine's limit")
    big.close()
    assert rt.eval("1 + 1") == 2
print("ok", flush=True)
