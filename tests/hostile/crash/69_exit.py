"""Input 69: the interpreter ends while JavaScript runs in a daemon thread; the exit code of each child is kept."""

import subprocess
import sys

CHILDREN = {
    3: "import jsrun, sys, threading; rt = jsrun.Runtime(); threading.Thread(target=lambda: rt.eval('for (;;);'), daemon=True).start(); sys.exit(3)",
    4: "import jsrun, sys; rt = jsrun.Runtime(); rt.bind_function('f', lambda: rt); keep = rt.eval('() => 1'); sys.exit(4)",
    5: "import jsrun, sys, asyncio\nasync def main():\n    rt = jsrun.Runtime(); rt.eval_async('new Promise(r => globalThis.r = r)').close(); sys.exit(5)\nasyncio.run(main())",
}
for _ in range(3):
    for code, script in CHILDREN.items():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
        assert done.returncode == code, (code, done.returncode, done.stderr)
        assert "Segmentation" not in done.stderr, done.stderr
print("ok", flush=True)
