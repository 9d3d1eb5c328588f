"""Evaluates a large script and a large module with a code cache on disk, and prints what came of it."""

import json
import sys

import jsrun

FILLER = "\n".join(f"function f{i}(x) {{ return x + {i} }}" for i in range(1000))


def main() -> None:
    with jsrun.Runtime(code_cache=sys.argv[1], **json.loads(sys.argv[2])) as rt:
        script = rt.eval(f"{FILLER}\nf1(2)")
        rt.add_static_module("m", f"{FILLER}\nexport default f2(3)")
        module = rt.eval_module("m").default
        stats = rt.get_stats()
        print(
            json.dumps(
                {
                    "script": script,
                    "module": module,
                    "hits": stats.code_cache_hits,
                    "misses": stats.code_cache_misses,
                }
            )
        )


main()
