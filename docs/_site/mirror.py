"""Pages made from files outside docs/ (examples, benchmarks' README, changelog), and links to these files."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)]*)?\)")
FENCE = re.compile(r"(^ *```.*?^ *```)", re.M | re.S)

# Markdown outside docs/, and where the site has it.
DOCUMENTS = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks-method.md",
    "examples/README.md": "examples/index.md",
}
# Search shows the pages that explain first.
ASIDE = "---\nsearch:\n  boost: 0.3\n---\n\n"
LANGUAGES = {".py": "python", ".js": "js"}


def programs() -> dict[str, str]:
    """The examples, and the page that shows each. A script beside a program is on the program's page."""
    names = sorted(path.name for path in (ROOT / "examples").iterdir() if path.suffix in LANGUAGES)
    return {f"examples/{name}": f"examples/{Path(name).stem}.md" for name in names}


def pages() -> dict[str, str]:
    """The text of every page that is made from files outside docs/, by its place in the site."""
    made = {
        place: rewrite((ROOT / source).read_text(encoding="utf-8"), source, place)
        for source, place in DOCUMENTS.items()
        if source != "README.md"
    }
    for source, place in programs().items():
        path = ROOT / source
        block = f"```{LANGUAGES[path.suffix]}\n{path.read_text(encoding='utf-8')}```\n"
        made[place] = f"{made[place]}\n## {path.name}\n\n{block}" if place in made else f"# {path.name}\n\n{block}"
    return {place: ASIDE + text for place, text in made.items()}


def rewrite(markdown: str, source: str, place: str) -> str:
    """Make the links of `source`, a file of the repository, lead to pages of the site, seen from `place`.

    A link to a file that the site does not have becomes its text.
    """
    known = {**DOCUMENTS, **programs()}

    def moved(found: re.Match[str]) -> str:
        text, target, fragment = found[1], found[2], found[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if file.startswith("docs/"):
            page = file.removeprefix("docs/")
        elif file in known:
            page = known[file]
        elif (ROOT / file).exists():
            return text
        else:
            return found[0]
        return f"[{text}]({os.path.relpath(page, posixpath.dirname(place) or '.')}{fragment})"

    parts = FENCE.split(markdown)
    return "".join(part if number % 2 else LINK.sub(moved, part) for number, part in enumerate(parts))
