"""Runs another script with every runtime in a child process."""

import runpy
import sys

import jsrun

jsrun.RuntimeConfig.__init__.__kwdefaults__["isolation"] = "process"  # type: ignore[index]
runpy.run_path(sys.argv[1], run_name="__main__")
