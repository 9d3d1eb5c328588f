"""Fork with an open pool: the child gets a clear error at once and closes nothing, the parent's pool goes on."""

import asyncio
import os
import sys
import time
import warnings

import jsrun

warnings.simplefilter("ignore", DeprecationWarning)


def refused(act: object) -> None:
    start = time.monotonic()
    try:
        act()  # type: ignore[operator]
    except jsrun.RuntimeClosed as error:
        assert "fork" in str(error), error
    else:
        raise AssertionError("no error in the child")
    assert time.monotonic() - start < 2


def wait_for(pid: int, pool: jsrun.RuntimePool) -> None:
    end = time.monotonic() + 20
    while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < end, "the child did not end"
        assert pool.eval("1 + 1") == 2
    assert os.waitstatus_to_exitcode(done[1]) == 9, done


with jsrun.RuntimePool(size=2) as pool, pool.runtime() as lent:
    pid = os.fork()
    if pid == 0:
        refused(lambda: pool.eval("1"))
        refused(lambda: asyncio.run(pool.eval_async("1")))
        refused(lambda: lent.eval("1"))
        assert pool.is_closed()
        # Leaves both blocks, which close nothing here.
        sys.exit(9)
    wait_for(pid, pool)
    assert lent.eval("2") == 2


async def main() -> None:
    async with jsrun.RuntimePool(size=2) as pool:
        assert await pool.eval_async("3") == 3
        pid = os.fork()
        if pid == 0:
            refused(lambda: pool.eval("1"))
            pool.close()
            os._exit(9)
        await asyncio.to_thread(wait_for, pid, pool)
        assert await pool.eval_async("4") == 4


asyncio.run(main())
print("ok", flush=True)
