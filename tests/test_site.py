"""The documentation site: it builds without a warning, has every page and every public name, and loads nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

import jsrun
import jsrun.ipython
import jsrun.modules
import jsrun.playground

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

pytestmark = [
    pytest.mark.skipif(not (ROOT / "mkdocs.yml").exists(), reason="runs in a checkout only"),
    pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs mkdocs"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=55)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return target


def listed(nav: Any) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in listed(part)]


def test_the_navigation_has_every_page_once() -> None:
    pages = listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert len(pages) == len(set(pages))
    sources = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert sources - set(pages) == set()
    # The rest is made from files outside docs/; the strict build knows whether it is there.
    made = set(pages) - sources
    assert {page for page in made if not page.startswith("examples/")} == {"benchmarks-method.md", "changelog.md"}


class Loaded(HTMLParser):
    """What a browser fetches for a page, and the names that it can be scrolled to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if name := found.get("id"):
            self.names.add(name)
        if tag in {"script", "img", "source", "iframe"}:
            self.addresses.append(found.get("src") or "")
        if tag == "link" and found.get("rel") != "canonical":
            self.addresses.append(found.get("href") or "")


def loaded(page: Path) -> Loaded:
    parser = Loaded()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_pages_and_styles_load_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    outside = {address for page in pages for address in loaded(page).addresses if re.match(r"(https?:)?//", address)}
    for style in site.rglob("*.css"):
        outside |= set(re.findall(r"url\(['\"]?((?:https?:)?//[^)]*)\)", style.read_text(encoding="utf-8")))
    assert outside == set()
    assert (site / "search/search_index.json").exists()


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    names: set[str] = set()
    for page in (site / "reference").glob("*.html"):
        names |= loaded(page).names
    errors = set(jsrun.errors.__all__)
    public = {
        *(f"jsrun.errors.{name}" for name in errors),
        *(f"jsrun.{name}" for name in jsrun.__all__ if name not in errors and not name.startswith("__")),
        *(f"jsrun.modules.{name}" for name in jsrun.modules.__all__),
        "jsrun.pytest.js_runtime",
        "jsrun.ipython.load_ipython_extension",
        *(f"jsrun.playground.{name}" for name in jsrun.playground.__all__),
    }
    public |= {f"jsrun.Runtime.{name}" for name in dir(jsrun.Runtime) if not name.startswith("_")}
    assert sorted(public - names) == []


def test_the_numbers_of_the_benchmarks_page_are_measured(site: Path) -> None:
    text = (site / "benchmarks.html").read_text(encoding="utf-8")
    source = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count('class="diagram"') > 3
    assert "measured:" not in text
    # No figure with a unit is typed by hand.
    assert re.findall(r"\d[\d.,]* ?(?:µs|ms|MiB|x\b|/s|times)", source) == []
