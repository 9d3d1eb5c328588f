"""IPython extension: `%load_ext jsrun.ipython` adds the magics `%js` and `%%js`.

`docs/guides/ipython.md` shows their use.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Add the magics to a shell; IPython calls it."""
    # Only here, so that this module can be imported where IPython is not.
    from ._ipython_magics import JavaScriptMagics

    if "JavaScriptMagics" not in shell.magics_manager.registry:
        shell.register_magics(JavaScriptMagics(shell))


def unload_ipython_extension(shell: Any) -> None:
    """Close the shell's runtime and take the magics away; IPython calls it."""
    magics = shell.magics_manager.registry.pop("JavaScriptMagics", None)
    if magics is None:
        return
    magics.close()
    for kind in ("line", "cell"):
        known = shell.magics_manager.magics[kind]
        known.pop("js", None)
        if kind in magics.replaced:
            known["js"] = magics.replaced[kind]
