"""Run code that nobody vouches for: a runtime of its own, limits, and an answer for everything that can go wrong.

Run it with `python examples/sandbox.py [FILE.js ...]`.

A new runtime has no files, no network and no environment, so there is nothing to forbid. What is left to guard is time,
memory and the size of the answer. Without a file the program runs a few scripts that try to misbehave.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jsrun import (
    ConversionError,
    DeadlockError,
    HeapLimitExceeded,
    JavaScriptError,
    JavaScriptTimeout,
    Runtime,
    RuntimeConfig,
)

LIMITS = RuntimeConfig(timeout=0.5, max_heap_size=64 * 1024 * 1024, max_serialization_bytes=1024 * 1024)

SAMPLES = {
    "well-behaved": "[1, 2, 3].map((n) => n ** 2)",
    "syntax error": "let = ;",
    "throws": "function check(n) { throw new RangeError(`bad ${n}`) } check(7)",
    "endless loop": "while (true) {}",
    "endless recursion": "const again = () => again() + 1; again()",
    "endless wait": "new Promise(() => {})",
    "eats memory": "const hoard = []; while (true) hoard.push(new Array(10000).fill(0))",
    "huge answer": "'x'.repeat(2 ** 24)",
    "looks for a way out": "[typeof process, typeof require, typeof Deno, typeof fetch]",
}


def run_untrusted(code: str) -> str:
    """Evaluate `code` in a runtime of its own and say how it ended."""
    with Runtime(LIMITS) as runtime:
        try:
            return f"ok: {runtime.eval(code, filename='untrusted.js')!r}"
        except JavaScriptError as error:
            line = error.frames[0]["line_number"] if error.frames else "?"
            return f"failed: {error.name}: {error.message} (line {line})"
        except JavaScriptTimeout:
            return f"stopped: ran longer than {LIMITS.timeout} s"
        except HeapLimitExceeded:
            return "stopped: used more memory than it may"
        except DeadlockError:
            return "stopped: waits for what can never happen"
        except ConversionError as error:
            return f"refused: the answer cannot be taken over: {error}"


def main() -> None:
    """Run the files that were named, or all samples."""
    scripts = SAMPLES
    if len(sys.argv) > 1:
        scripts = {name: Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]}
    for name, code in scripts.items():
        print(f"{name:<20} {run_untrusted(code)}", flush=True)


if __name__ == "__main__":
    main()
