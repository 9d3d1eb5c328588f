"""Threads born before the library started may use it (memory protection keys belong to thread descent)."""

import concurrent.futures
import threading

started = threading.Barrier(5)
pool = concurrent.futures.ThreadPoolExecutor(4)
waiting = [pool.submit(started.wait) for _ in range(4)]
started.wait()
assert all(future.result(10) is not None for future in waiting)

import jsrun  # noqa: E402


def work(number: int) -> object:
    with jsrun.Runtime() as rt:
        rt.bind_function("host", lambda n: n + 1)
        assert rt.eval("host(1)") == 2
        return rt.eval(f"let n = 0; for (let i = 0; i < 1e5; i++) n += {number}; n")


shared = jsrun.Runtime()
assert [future.result(30) for future in [pool.submit(work, n) for n in range(8)]] == [n * 100_000 for n in range(8)]
assert [future.result(30) for future in [pool.submit(shared.eval, str(n)) for n in range(8)]] == list(range(8))
shared.close()
pool.shutdown()
print("ok", flush=True)
