"""Leave the program from a host function: SystemExit passes through JavaScript with its code."""

import sys

import jsrun

rt = jsrun.Runtime()
rt.bind_function("leave", lambda: sys.exit(7))
print("ok", flush=True)
rt.eval("try { leave() } catch { 'no' } for (;;);")
