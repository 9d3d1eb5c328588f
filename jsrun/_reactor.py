"""Figures of what all runtimes of the process share."""

from __future__ import annotations

import dataclasses
import sys
import threading

from ._jsrun import census


@dataclasses.dataclass(frozen=True)
class ReactorStats:
    """What jsrun has in this process at one moment, all runtimes together.

    Attributes:
        isolates: isolates of this process that are alive: each is one thread.
        isolates_ahead: isolates that were made before they are needed, because runtimes followed each other.
        child_processes: child processes that are alive (``isolation="process"``).
        native_threads: threads without Python: those of the isolates, the one that starts them, the reactor's. V8's own
            workers are not among them.
        python_threads: threads of jsrun's that run Python: the portal, pools, one per child process, and the one for
            event loops that cannot watch a descriptor.
        reactor_tasks: tasks on the reactor: a watchdog per isolate, inspector listeners and connections.
        completion_queues: queues on which event loops, and threads that block, get results and host calls; one each.
        messages: requests and answers that isolates have not taken yet.
        pending_deadlines: operations whose deadline is waited for, and operations that are being stopped.
        inspector_listeners: addresses at which debuggers can connect.
        inspector_connections: debuggers that are connected.
        spare_buffer_bytes: memory of buffers that is kept to be used again.
    """

    isolates: int
    isolates_ahead: int
    child_processes: int
    native_threads: int
    python_threads: int
    reactor_tasks: int
    completion_queues: int
    messages: int
    pending_deadlines: int
    inspector_listeners: int
    inspector_connections: int
    spare_buffer_bytes: int


def get_reactor_stats() -> ReactorStats:
    """Return figures of the reactor and of all runtimes together; never waits for JavaScript. Cheap, from any thread.

    In a forked child, where V8 does not survive, everything native is 0.

    Example:
        >>> import jsrun
        >>> with jsrun.Runtime() as rt:
        ...     alive = jsrun.get_reactor_stats().isolates
        >>> alive - jsrun.get_reactor_stats().isolates
        1
    """
    children = sys.modules.get("jsrun._process.living")
    return ReactorStats(
        child_processes=children.count_alive() if children is not None else 0,
        python_threads=sum(thread.name.startswith("jsrun-") for thread in threading.enumerate()),
        **census(),
    )
