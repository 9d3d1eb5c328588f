"""Writes THIRD_PARTY_LICENSES.txt: what is linked into the native module, with the texts of its licences."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "THIRD_PARTY_LICENSES.txt"
V8 = ROOT / "release/licenses_v8.txt"
NAMES = re.compile(r"^(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICEN[CS]E)", re.I)
RULE = "=" * 100


def linked(metadata: dict[str, Any], root: str = "jsrun-py") -> list[dict[str, Any]]:
    """The packages that end in the library: what `root` depends on, neither for its build nor for its tests.

    Args:
        metadata: what `cargo metadata` prints.
        root: name of the package that is the library.
    """
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    ahead = [key for key, package in packages.items() if package["name"] == root]
    seen: set[str] = set()
    while ahead:
        key = ahead.pop()
        if key in seen or is_macro(packages[key]):
            continue
        seen.add(key)
        ahead += [d["pkg"] for d in nodes[key]["deps"] if any(kind["kind"] is None for kind in d["dep_kinds"])]
    others = [packages[key] for key in seen if packages[key]["source"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def is_macro(package: dict[str, Any]) -> bool:
    """Whether a package runs in the compiler only."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def texts(folder: Path) -> list[str]:
    """The licence texts in a package's folder, without differences in space."""
    files = sorted(path for path in folder.iterdir() if NAMES.match(path.name) and path.is_file())
    found = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    return ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in found if text.strip()]


def page(packages: list[dict[str, Any]], v8: str) -> str:
    """The whole file.

    Args:
        packages: what is linked.
        v8: what is said about V8 and the libraries in its archive.
    """
    holders: dict[str, list[str]] = defaultdict(list)
    rows = []
    for package in packages:
        label = f"{package['name']} {package['version']}"
        own = texts(Path(package["manifest_path"]).parent)
        rows.append(
            f"{label}: {package['license'] or 'see its text below'}" + ("" if own else " (no text in the package)")
        )
        for text in own:
            holders[text].append(label)
    head = (
        "The wheel of jsrun contains the following. Written by release/licenses.py from the packages themselves.\n\n"
        f"Crates ({len(rows)}), with the licences they declare; '/' and OR offer a choice:\n\n"
    )
    parts = [head + "\n".join(f"  {row}" for row in rows), v8.strip()]
    parts += [f"{', '.join(names)}:\n\n{text}" for text, names in sorted(holders.items(), key=lambda item: item[1])]
    return f"\n\n{RULE}\n\n".join(parts) + "\n"


def main() -> int:
    """Write the file, or with --check say whether it is as it would be written; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    text = page(linked(json.loads(said)), V8.read_text(encoding="utf-8"))
    if not options.check:
        RESULT.write_text(text, encoding="utf-8")
    elif RESULT.read_text(encoding="utf-8") != text:
        print(f"{RESULT.name} is not up to date: run python release/licenses.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
