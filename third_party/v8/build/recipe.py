#!/usr/bin/env python3
"""Builds the V8 archive from published packages, step by step; a step that is done is not done again."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import plan
import steps

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[2] / "target/v8-archive"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=DEFAULT, help="folder for everything (default: target/v8-archive)")
    parser.add_argument(
        "--until", metavar="STEP", help=f"stop after this step: {', '.join(s.name for s in plan.STEPS)}"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="compilers at once (default: one per core)"
    )
    parser.add_argument(
        "--ninja", nargs="+", metavar="TARGET", help="after the last step, compile these Ninja targets too"
    )
    parser.add_argument(
        "--update", action="store_true", help="write crates/Cargo.toml anew from the tree's BUILD.gn files"
    )
    return parser


def is_done(place: plan.Place, step: plan.Step, fingerprint: str) -> bool:
    """Whether the step was done, by the recipe as it is now."""
    stamp = place.stamp(step)
    return stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint


def room(work: Path, ahead: list[plan.Step]) -> None:
    """Stop where the disk is too small.

    Raises:
        SystemExit: it is.
    """
    folder = next(path for path in (work, *work.parents) if path.exists())
    free, needed = shutil.disk_usage(folder).free / 1e9, sum(step.gigabytes for step in ahead)
    if free < needed:
        raise SystemExit(f"{work}: {free:.1f} GB free, {needed:.1f} GB needed; name another folder with --work")


def main(words: list[str] | None = None) -> int:
    """Do the steps; return the exit code."""
    options = arguments().parse_args(words)
    place = plan.Place(options.work.resolve())
    try:
        chosen = plan.until(options.until)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    known = plan.fingerprints(steps.texts(HERE))
    ahead = [step for step in chosen if not is_done(place, step, known[step.name])]
    print(f"{len(ahead)} of {len(chosen)} steps ahead in {place.work}: {plan.cost(ahead)}", flush=True)
    for number, step in enumerate(chosen, 1):
        label = f"[{number}/{len(chosen)}] {step.name}: {step.does}"
        if step not in ahead:
            print(f"{label} (done before)", flush=True)
        elif options.dry_run:
            print(f"{label} (about {step.minutes:g} min, {step.gigabytes:g} GB)", flush=True)
    if options.dry_run:
        return 0
    room(place.work, ahead)
    for step in ahead:
        print(f"== {step.name}: {step.does}", flush=True)
        began = time.monotonic()
        try:
            steps.DO[step.name](steps.Job(place, HERE, options.jobs, options.update))
        except steps.Stopped as stop:
            print(f"stopped in the step {step.name}: {stop}", file=sys.stderr)
            return 1
        place.stamp(step).parent.mkdir(parents=True, exist_ok=True)
        place.stamp(step).write_text(known[step.name], encoding="utf-8")
        print(f"== {step.name} took {time.monotonic() - began:.0f} s", flush=True)
    if options.ninja:
        steps.ninja(steps.Job(place, HERE, options.jobs), *options.ninja)
    return 0


if __name__ == "__main__":
    sys.exit(main())
