"""Which files of web-platform-tests are run, and what their META lines ask for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Those that need no page, by area. Cryptography is left out: its files wait for algorithms that are not offered.
AREAS = {
    "url": "url",
    "encoding": "encoding",
    "streams": "streams",
    "timers": "html/webappapis/timers",
    "microtasks": "html/webappapis/microtask-queuing",
    "structured clone": "html/webappapis/structured-clone",
    "base64": "html/webappapis/atob",
    "abort": "dom/abort",
    "events": "dom/events",
    "files": "FileAPI",
    "console": "console",
    "time": "hr-time",
    "user timing": "user-timing",
    "Web IDL": "webidl/ecmascript-binding",
}

META = re.compile(r"^// *META: *([a-z]+)=(.*)$", re.MULTILINE)
DONE = re.compile(r"(?<![.\w])done\(\)|explicit_done")
# The carrier has this file in another place.
MOVED = {"resources/WebIDLParser.js": "resources/webidl2/lib/webidl2.js"}


@dataclass(frozen=True)
class Case:
    """One file, in one variant."""

    area: str
    path: str
    variant: str
    scripts: tuple[str, ...]
    long: bool
    ends_itself: bool

    @property
    def name(self) -> str:
        """Path and variant, as results name it."""
        return self.path + self.variant


def cases(tree: Path, area: str) -> Iterator[Case]:
    """The cases of one area, in order."""
    for file in sorted((tree / AREAS[area]).rglob("*.any.js")):
        yield from variants(area, file.relative_to(tree).as_posix(), file.read_text(encoding="utf-8"))


def variants(area: str, path: str, source: str) -> Iterator[Case]:
    r"""One file's cases, from its text.

    Example:
        >>> source = "// META: script=resources/a.js\n// META: variant=?1\n// META: variant=?2\n"
        >>> [(case.name, case.scripts) for case in variants("url", "url/x.any.js", source)]
        [('url/x.any.js?1', ('url/resources/a.js',)), ('url/x.any.js?2', ('url/resources/a.js',))]
    """
    meta = META.findall(source)
    scripts = tuple(located(path, value.strip()) for key, value in meta if key == "script")
    long = any(key == "timeout" and value.strip() == "long" for key, value in meta)
    for variant in [value.strip() for key, value in meta if key == "variant"] or [""]:
        yield Case(area, path, variant, scripts, long, DONE.search(source) is not None)


def located(path: str, script: str) -> str:
    """Where a script is that a file asks for, from the tree's root."""
    found = script.lstrip("/") if script.startswith("/") else posixpath.join(posixpath.dirname(path), script)
    found = posixpath.normpath(found)
    return MOVED.get(found, found)
