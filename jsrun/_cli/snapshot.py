"""`jsrun snapshot`: run scripts once and write the heap they leave to a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jsrun import SnapshotBuilder

from .exit_codes import OK
from .files import read_source
from .limits import seconds

_SECONDS = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun snapshot`."""
    parser.add_argument("scripts", metavar="IN", nargs="+", type=Path, help="scripts, run in this order")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="file to write")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument(
        "--timeout", type=seconds, default=_SECONDS, metavar="SECONDS", help="for each script (default %(default)g)"
    )


def run(given: argparse.Namespace) -> int:
    """Make the snapshot; return the exit code."""
    sources = [(path, read_source(path)) for path in given.scripts]
    with _progress(len(sources) + 1, quiet=given.quiet) as step:
        builder = SnapshotBuilder(timeout=given.timeout)
        for path, source in sources:
            step(f"running {path}")
            builder.execute_script(str(path), source)
        step("writing the heap")
        data = builder.build()
        # Whoever starts from the old file meanwhile sees all of it or all of the new one.
        fresh = given.output.with_name(f"{given.output.name}.new")
        fresh.write_bytes(data)
        fresh.replace(given.output)
    if not given.quiet:
        print(f"{given.output}: {len(data):,} bytes from {len(sources)} script{'s' * (len(sources) > 1)}")
    return OK


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], object]]:
    """Show a bar on a terminal that has `rich`; elsewhere nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        yield lambda text: print(text, file=sys.stderr)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=total)
        begun = False

        def step(text: str) -> None:
            nonlocal begun
            progress.update(task, description=text, advance=1 if begun else 0, refresh=True)
            begun = True

        yield step
        progress.update(task, advance=1)
