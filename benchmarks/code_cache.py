"""How much faster a 3 MB bundle loads the second time, in one process and across processes; prints the ratios.

Run: python benchmarks/code_cache.py [rounds]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import jsrun

SIZE = 3_000_000
PART = (Path(__file__).parent / "bundle_part.js").read_text(encoding="utf-8")


def bundle() -> str:
    """A module of many different functions, all defined, every fourth run."""
    parts, length = ["const registry = [];\n"], 0
    for number in count():
        if length >= SIZE:
            break
        parts.append(PART.replace("__NUMBER__", str(number)).replace("__RUN__", "(1)" if number % 4 == 0 else ""))
        length += len(parts[-1])
    return "".join([*parts, "export const length = registry.length;\n"])


def load(source: str, *, hits: int, directory: str | None = None) -> float:
    """Milliseconds of `eval_module` in a new runtime; the code is found as often as expected."""
    with jsrun.Runtime(code_cache=directory) as rt:
        rt.add_static_module("bundle", source)
        start = time.perf_counter()
        module = rt.eval_module("bundle")
        took = time.perf_counter() - start
        assert module["length"] > 1000
        assert rt.get_stats().code_cache_hits == hits
    return took * 1000


def in_a_new_process(directory: str, hits: int) -> float:
    """The same, where nothing is in memory."""
    command = [sys.executable, __file__, "--load", directory, str(hits)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def report(name: str, anew: list[float], kept: list[float]) -> None:
    first, second = statistics.median(anew), statistics.median(kept)
    print(f"{name:>10}: {first:6.1f} ms anew, {second:6.1f} ms with kept code, {first / second:.1f} times as fast")


def main(rounds: int) -> None:
    source = bundle()
    print(f"bundle of {len(source):,} characters, median of {rounds} rounds, V8 {jsrun._jsrun.v8_version()}")
    in_memory: tuple[list[float], list[float]] = ([], [])
    on_disk: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        unseen = f"{source}// {number:09}\n"
        in_memory[0].append(load(unseen, hits=0))
        in_memory[1].append(load(unseen, hits=1))
        with tempfile.TemporaryDirectory() as directory:
            on_disk[0].append(in_a_new_process(directory, 0))
            on_disk[1].append(in_a_new_process(directory, 1))
    report("in memory", *in_memory)
    report("on disk", *on_disk)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        print(load(bundle(), hits=int(sys.argv[3]), directory=sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
