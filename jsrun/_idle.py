"""Timers that a host waits for, or clears: a bootstrap script, and what is evaluated afterwards."""

from __future__ import annotations

from importlib import resources

# Evaluates to a promise of the moment when no timer is set.
IDLE = "__jsrun_idle__()"
# Clears every timer that is set.
CLEAR = "__jsrun_clear_timers__()"
# Evaluates to a promise of the moment a fifth of a second later.
PAUSE = "__jsrun_pause__(200)"


def idle_script() -> str:
    """Return the script that counts a runtime's timers; it runs before anything else."""
    return (resources.files(__package__) / "idle.js").read_text(encoding="utf-8")
