"""Runtimes in child processes: the same operations as an isolate of this process, over a socket pair."""
