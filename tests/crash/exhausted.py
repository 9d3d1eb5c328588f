"""No threads, descriptors, address space or mappings: an exception for that call, at the first use and later."""

import asyncio
import ctypes
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import jsrun

LIBC = ctypes.CDLL(None, use_errno=True)
PAGE = os.sysconf("SC_PAGESIZE")


@contextmanager
def limited(which: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(which)
    resource.setrlimit(which, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(which, (soft, hard))


@contextmanager
def threads(room: int) -> Iterator[None]:
    """Nobody but this process runs as its user, so that the limit counts its threads alone. Root has no such limit."""
    if os.getuid() == 0:
        stranger = 40_000 + os.getpid() % 20_000
        os.setgid(stranger)
        os.setuid(stranger)
    with limited(resource.RLIMIT_NPROC, len(os.listdir("/proc/self/task")) + room):
        yield


@contextmanager
def files(room: int) -> Iterator[None]:
    held = []
    with limited(resource.RLIMIT_NOFILE, 64):
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        for _ in range(room):
            os.close(held.pop())
        yield
    for number in held:
        os.close(number)


@contextmanager
def space(room: int) -> Iterator[None]:
    """Room in MiB."""
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * PAGE
    with limited(resource.RLIMIT_AS, used + (room << 20)):
        yield


@contextmanager
def mappings(room: int) -> Iterator[None]:
    """Split one mapping into as many as the process may still have, but for some."""
    with open("/proc/self/maps", "rb") as maps, open("/proc/sys/vm/max_map_count") as most:
        free = int(most.read()) - sum(1 for _ in maps) - room
    LIBC.mmap.restype = ctypes.c_void_p
    LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    LIBC.mprotect.argtypes = LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    private_and_anonymous = 0x22
    at = LIBC.mmap(None, free * PAGE, 0, private_and_anonymous, -1, 0)
    for page in range(1, free - 1, 2):
        assert LIBC.mprotect(at + page * PAGE, PAGE, 1) == 0, page
    yield
    assert LIBC.munmap(at, free * PAGE) == 0


def refused(act: Callable[[], object]) -> bool:
    """Whether it raised what an operating system's refusal raises; nothing else may come."""
    try:
        act()
    except jsrun.JavaScriptError as error:
        # A host function that could not start.
        return isinstance(error.__cause__, (OSError, RuntimeError))
    except (OSError, RuntimeError) as error:
        assert str(error) and not isinstance(error, jsrun.RuntimeClosed), repr(error)
        return True
    return False


async def create() -> None:
    async with jsrun.Runtime.create() as rt:
        assert await rt.eval_async("1") == 1


async def answer() -> int:
    return 42


def works() -> None:
    with jsrun.Runtime() as rt:
        rt.bind_function("answer", answer)
        assert rt.eval("answer()") == 42
    asyncio.run(create())


def first(limit: Callable[[int], object], room: int) -> None:
    """The first runtime of the process finds no room; the second does."""
    with limit(room):  # type: ignore[attr-defined]
        assert refused(lambda: jsrun.Runtime()), (limit, room)
    works()


def later(limit: Callable[[int], object], room: int) -> None:
    """A runtime that lives goes on; what is new is refused, blocking and awaited, until there is room."""
    steady = jsrun.Runtime()
    steady.bind_function("answer", answer)
    assert steady.eval("1") == 1
    loop = asyncio.new_event_loop()
    with limit(room):  # type: ignore[attr-defined]
        made: list[jsrun.Runtime] = []
        # Descriptors are needed by loops alone.
        if limit is not files:
            assert refused(lambda: made.extend(jsrun.Runtime() for _ in range(100)))
        assert limit is space or refused(lambda: loop.run_until_complete(create()))
        assert steady.eval("6 * 7") == 42
        if limit is threads:
            # It would run on a thread of jsrun's, which does not exist yet.
            assert refused(lambda: steady.eval("answer()"))
        for rt in made:
            rt.close()
    assert steady.eval("answer()") == 42
    loop.run_until_complete(create())
    loop.close()
    steady.close()
    works()


def ahead(limit: Callable[[int], object], room: int) -> None:
    """Isolates that wait for a tenant do not change what is refused, nor what is said."""
    while not jsrun.get_reactor_stats().isolates_ahead:
        works()
    with limit(room):  # type: ignore[attr-defined]
        try:
            jsrun.Runtime()
        except OSError as error:
            assert error.errno == errno.ENOMEM and "RLIMIT_AS" in str(error), error
        else:
            raise AssertionError("there was room")
    works()


LIMITS = {"threads": threads, "files": files, "space": space, "mappings": mappings}
CASES = [
    # In turn: the reactor, the thread all others descend from, V8's workers, the runtime.
    *(("first", "threads", room) for room in (0, 1, 2, 4)),
    # The thread's own, Tokio's first, its signals'.
    *(("first", "files", room) for room in (0, 1, 4)),
    # Not even a runtime's; not the cage of V8's C++ heap.
    *(("first", "space", room) for room in (0, 20_000)),
    ("first", "mappings", 20),
    ("later", "threads", 0),
    ("later", "files", 0),
    ("later", "space", 100),
    ("later", "mappings", 20),
    ("ahead", "space", 0),
]


def check(case: tuple[str, str, int]) -> None:
    command = [sys.executable, "-X", "faulthandler", __file__, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), (case, done.returncode, done.stderr[:3000])


if len(sys.argv) > 1:
    when, what, room = sys.argv[1:]
    {"first": first, "later": later, "ahead": ahead}[when](LIMITS[what], int(room))
    sys.exit(0)
with ThreadPoolExecutor(4) as children:
    list(children.map(check, CASES))
print("ok", flush=True)
