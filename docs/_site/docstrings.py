"""How docstrings read on the site: `Example:` is a block of code, and names in backticks lead to their entries."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)Example:$", re.M)
NAME = re.compile(r"(?<!`)`((?:jsrun\.)?[A-Z]\w+(?:\.[a-z]\w*)?|(?:share|transfer|undefined))`(?!`)")


class Docstrings(griffe.Extension):
    """Turn what the docstrings mean into what the renderer knows."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Rewrite all docstrings, those of stubs included, which are merged by now."""
        rewrite(pkg)


def rewrite(thing: griffe.Object) -> None:
    """Rewrite the docstring of `thing` and of what is in it; the code of examples stays as it is."""
    if thing.docstring is not None:
        lines = EXAMPLE.sub(r"\1Examples:", thing.docstring.value).split("\n")
        thing.docstring.value = "\n".join(
            line if line.lstrip().startswith((">>>", "...")) else NAME.sub(linked, line) for line in lines
        )
    for member in thing.members.values():
        if not member.is_alias:
            rewrite(member)


def linked(found: re.Match[str]) -> str:
    """A link to the entry of that name if there is one, else the name alone."""
    name = found[1].removeprefix("jsrun.")
    return f'<autoref identifier="jsrun.{name}" optional><code>{found[1]}</code></autoref>'
