"""V8's REPL mode for sources that come one after another: `let`, `const` and `class` may be declared again."""

from __future__ import annotations

# Top-level `await` is what makes V8 use it. A block that declares something leaves the value of the statements before
# it as it is.
_AWAIT = "\n;{ let _ = await undefined }"


def in_repl_mode(source: str) -> str:
    """Return a source that is run in REPL mode, with the same value and the same places.

    Args:
        source: a script that parses; an unfinished one is reported as an error of what is appended here.
    """
    return source + _AWAIT
