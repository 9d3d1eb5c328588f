"""Run three published npm libraries in one runtime and render many pages at once.

Run it with `python examples/npm_libraries.py [--pages N] [--offline]`.

marked renders Markdown, Handlebars fills a template, z-schema checks the input. JavaScript calls two Python functions
back: `slugify`, a plain function used as a template helper, and `lookup`, a coroutine function awaited by each page.
The libraries are fetched by the npm client, compared with the checksums below, and kept in the user's cache.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from npm_packages import STEPS, NpmError, NpmPackage, NpmScript, cache_directory, fetch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from jsrun import JsFunction, Runtime

LIBRARIES = (
    NpmPackage(
        "marked",
        "18.2.1",
        "sha512-ii4bxCTCqqwpT86XZWgJNs+ZnAIZksmLGYMViWA7PDIXYIeNo1x6cDdX3JOip9NM/cI6p8z57FxliACboTruMA==",
        "lib/marked.umd.js",
    ),
    NpmPackage(
        "handlebars",
        "4.7.10",
        "sha512-P5VJMVM7qgBn6vjXMw8WG9uVI+ncf2pi72j4de4yz5ZULLj2RGqLYaKOYGsgyrViQ0tePOVlN1tDCCXXtFqXKg==",
        "dist/handlebars.min.js",
    ),
    NpmPackage(
        "z-schema",
        "12.5.0",
        "sha512-lIz2pJ6jCzPbtRDEAKA0WYdTWllJFhu5ZGfki1oVmzNW4+spFgB5oc/Q8XgflroAsx2G9Trq+HI17vSNEUV3oA==",
        "umd/ZSchema.min.js",
    ),
)
PAGE_SERVICE = Path(__file__).with_suffix(".js")
AUTHORS = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "barbara": "Barbara Liskov", "edsger": "Edsger Dijkstra"}
LOOKUP_SECONDS = 0.1


@dataclass
class Service:
    """The Python functions that JavaScript is given, and how they were used."""

    slugified: int = 0
    looked_up: int = 0
    waiting: int = 0
    most_waiting: int = 0

    def slugify(self, text: str) -> str:
        """Turn a title into an identifier: `Crème brûlée!` into `creme-brulee`."""
        self.slugified += 1
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        return "-".join(re.findall(r"[a-z0-9]+", plain.lower()))

    async def lookup(self, author: str) -> dict[str, str]:
        """Find an author, as slowly as a database would."""
        self.looked_up += 1
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await asyncio.sleep(LOOKUP_SECONDS)
            return {"id": author, "name": AUTHORS[author]}
        finally:
            self.waiting -= 1


@dataclass
class Library:
    """What the set-up has to tell about one library."""

    script: NpmScript
    load_seconds: float = field(default=0.0)


def make_pages(count: int) -> list[dict[str, str]]:
    """Make `count` pages: one in 25 breaks the schema, one in 40 names an author that nobody knows."""
    pages = []
    names = list(AUTHORS)
    for number in range(1, count + 1):
        page = {
            "title": f"Crème brûlée & other notes, No. {number}",
            "author": names[number % len(names)],
            "published": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}",
            "markdown": f"Some *fast* notes.\n\n- number **{number}**\n- a `<tag>` & [a link](https://example.org)\n",
        }
        if number % 25 == 0:
            page["published"] = "yesterday"
        elif number % 40 == 0:
            page["author"] = "mallory"
        pages.append(page)
    return pages


async def set_up(runtime: Runtime, service: Service, console: Console, *, offline: bool) -> list[Library]:
    """Fetch the libraries side by side, then load them and the page service into `runtime`."""
    columns = TextColumn("{task.description:<32}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:

        async def prepare(package: NpmPackage) -> Library:
            bar = progress.add_task(package.spec, total=len(STEPS) + 1)

            def begin(step: str) -> None:
                done = (*STEPS, "load").index(step)
                progress.update(bar, completed=done, description=f"{package.spec} {step}")

            library = Library(await fetch(package, cache_directory(), offline=offline, on_step=begin))
            begin("load")
            started = perf_counter()
            # A library is loaded for its globals: `undefined` as last value, so that nothing else is converted.
            await runtime.eval_async(f"{library.script.source}\n;undefined", filename=package.script)
            library.load_seconds = perf_counter() - started
            progress.update(bar, completed=len(STEPS) + 1, description=f"{package.spec} ready")
            return library

        preparing = [asyncio.ensure_future(prepare(package)) for package in LIBRARIES]
        try:
            libraries = await asyncio.gather(*preparing)
        finally:
            # After the first failure the others end here, so that theirs are not reported as the program ends.
            for task in preparing:
                task.cancel()
            await asyncio.gather(*preparing, return_exceptions=True)
    runtime.bind_function("slugify", service.slugify)
    runtime.bind_function("lookup", service.lookup)
    await runtime.eval_async(PAGE_SERVICE.read_text(encoding="utf-8"), filename=PAGE_SERVICE.name)
    return libraries


async def render_all(runtime: Runtime, pages: list[dict[str, str]]) -> tuple[list[dict[str, Any]], float]:
    """Render all pages at once; return the results in order and the seconds it took."""
    render = await runtime.eval_async("renderPage")
    assert isinstance(render, JsFunction)
    started = perf_counter()
    results = await asyncio.gather(*(render.call_async(page, timeout=30) for page in pages))
    return results, perf_counter() - started


def report_libraries(console: Console, libraries: list[Library]) -> None:
    """Print what was loaded."""
    table = Table("library", "script", "from", title="npm libraries, verified and loaded")
    table.add_column("KiB", justify="right")
    table.add_column("load", justify="right")
    for library in libraries:
        script = library.script
        kib, milliseconds = len(script.source.encode()) / 1024, library.load_seconds * 1000
        table.add_row(script.package.spec, script.package.script, script.origin, f"{kib:.0f}", f"{milliseconds:.1f} ms")
    console.print(table)


def report_pages(
    console: Console, pages: list[dict[str, str]], results: list[dict[str, Any]], seconds: float, service: Service
) -> None:
    """Print what came out and how long it took."""
    first = next((result["html"] for result in results if "html" in result), None)
    if first is not None:
        console.print(Syntax(first, "html", word_wrap=True))
    unknown = next((result["author"] for result in results if result.get("author", "").startswith("nobody")), "none")
    rejected = [(page, result["problems"]) for page, result in zip(pages, results, strict=True) if "problems" in result]
    table = Table(title="all pages at once, on one runtime", show_header=False)
    table.add_row("pages", f"{len(results)} pages: {len(results) - len(rejected)} rendered, {len(rejected)} rejected")
    table.add_row("time", f"{seconds * 1000:.1f} ms, {seconds / len(results) * 1e6:.0f} µs per page")
    table.add_row("slugify (sync)", f"{service.slugified} calls of a Python function")
    one_by_one = service.looked_up * LOOKUP_SECONDS * 1000
    waited = f"{service.looked_up} calls, {service.most_waiting} at a time; one by one: {one_by_one:.0f} ms"
    table.add_row("lookup (async)", waited)
    table.add_row("unknown author", unknown)
    table.add_row("a rejection", "; ".join(rejected[0][1]) if rejected else "none")
    console.print(table)


async def run(page_count: int, *, offline: bool) -> None:
    """Set up, render, report."""
    console = Console()
    service = Service()
    pages = make_pages(page_count)
    async with Runtime.create() as runtime:
        libraries = await set_up(runtime, service, Console(stderr=True), offline=offline)
        results, seconds = await render_all(runtime, pages)
    report_libraries(console, libraries)
    report_pages(console, pages, results, seconds, service)


def positive(text: str) -> int:
    """Parse a count of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def main() -> int:
    """Parse the command line, run, and return the exit code."""
    parser = argparse.ArgumentParser(description="Render pages with published npm libraries.")
    parser.add_argument("--pages", type=positive, default=200, help="how many pages to render at once (200)")
    parser.add_argument("--offline", action="store_true", help="use cached libraries alone")
    options = parser.parse_args()
    try:
        asyncio.run(run(options.pages, offline=options.offline))
    except NpmError as error:
        Console(stderr=True, soft_wrap=True).print(f"{type(error).__name__}: {error}", style="red", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
