"""Running out of file descriptors or threads is a Python exception for that call."""

import asyncio
import os
import resource

import jsrun

rt = jsrun.Runtime()
assert rt.eval("1") == 1
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
used = max(int(number) for number in os.listdir("/proc/self/fd")) + 1
loop = asyncio.new_event_loop()
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, hard))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass


async def once() -> object:
    return await rt.eval_async("1 + 1")


try:
    print("awaited", loop.run_until_complete(once()), flush=True)
except OSError as error:
    print("refused", error, flush=True)
assert rt.eval("1 + 1") == 2
for number in held:
    os.close(number)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert loop.run_until_complete(once()) == 2
loop.close()
rt.close()
print("ok", flush=True)
