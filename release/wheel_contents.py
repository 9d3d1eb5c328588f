"""Makes a wheel fit to be handed out: takes the build machine's paths out of it, and looks at what is in it."""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

NATIVE = re.compile(r"jsrun/_jsrun[\w.]*\.(so|pyd|dylib)$")


def prefixes(source: Path, environment: dict[str, str]) -> list[str]:
    """Folders of the build machine that compilers write into a library, the longest first.

    Args:
        source: the tree that was built.
        environment: of the build.
    """
    cargo = Path(environment.get("CARGO_HOME") or Path.home() / ".cargo")
    rustup = Path(environment.get("RUSTUP_HOME") or Path.home() / ".rustup")
    registry = cargo / "registry/src"
    found = [str(source), str(cargo), str(rustup), *map(str, registry.glob("*"))]
    return sorted(found, key=len, reverse=True)


def neutral(prefix: str) -> str:
    """What stands in for a folder: as long as it was, because the library has places and lengths of its strings.

    Args:
        prefix: an absolute path.
    """
    last = PurePosixPath(prefix.replace("\\", "/")).name
    word = "crates.io" if last.startswith("index.crates.io") else "build"
    return "/" * (len(prefix) - len(word)) + word


def without_paths(content: bytes, folders: list[str]) -> bytes:
    """A file without the build machine's folders. Same length, and strings still end where they ended.

    No compiler flag does all of this: `--remap-path-prefix` leaves what crates take from `CARGO_MANIFEST_DIR`.
    """
    for folder in folders:
        content = content.replace(folder.encode(), neutral(folder).encode())
    return content


def clean(path: Path, folders: list[str]) -> int:
    """Rewrite a wheel without the folders, with a true record; return how many files changed."""
    with zipfile.ZipFile(path) as wheel:
        entries = [(info, wheel.read(info)) for info in wheel.infolist()]
    changed: dict[str, bytes] = {}
    for info, content in entries:
        better = without_paths(content, folders)
        if better != content and not info.filename.endswith("/RECORD"):
            changed[info.filename] = better
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for info, content in entries:
            new = changed.get(info.filename, content)
            if info.filename.endswith(".dist-info/RECORD"):
                new = record(content.decode(), changed).encode()
            wheel.writestr(info, new, zipfile.ZIP_DEFLATED, 9)
    part.replace(path)
    return len(changed)


def record(text: str, changed: dict[str, bytes]) -> str:
    """RECORD with the checksums and sizes of the files that changed."""
    lines = []
    for line in text.splitlines():
        name = line.rsplit(",", 2)[0]
        if name in changed:
            digest = base64.urlsafe_b64encode(hashlib.sha256(changed[name]).digest()).rstrip(b"=").decode()
            line = f"{name},sha256={digest},{len(changed[name])}"  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines) + "\n"


def faults(path: Path, folders: list[str]) -> list[str]:
    """What is wrong with a wheel, in words; nothing when it is as it should be."""
    wrong = []
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        tops = {name.split("/")[0] for name in names}
        strays = sorted(top for top in tops if top != "jsrun" and not top.endswith(".dist-info"))
        wrong += [f"{stray} would be put beside other packages" for stray in strays]
        natives = [name for name in names if NATIVE.search(name)]
        wrong += [] if len(natives) == 1 else [f"native modules: {natives}"]
        for ending in ("/licenses/LICENSE", "/licenses/THIRD_PARTY_LICENSES.txt", "jsrun/py.typed", "jsrun/_jsrun.pyi"):
            wrong += [] if any(name.endswith(ending) for name in names) else [f"{ending} is missing"]
        for name in names:
            content = wheel.read(name)
            wrong += [f"{name} holds the path {folder}" for folder in folders if folder.encode() in content]
            suffix = PurePosixPath(name).suffix
            wrong += [f"{name} is for developers"] if suffix in {".rs", ".toml", ".a", ".gz"} else []
    if "-abi3-" not in path.name:
        wrong.append(f"{path.name} is for one version of Python")
    if sys.platform == "linux" and ("-linux_" in path.name or audited(path) not in path.name):
        wrong.append(f"{path.name} has not the tag that auditwheel finds, {audited(path)}")
    return wrong


def audited(path: Path) -> str:
    """The platform tag that auditwheel gives a wheel."""
    command = [sys.executable, "-m", "auditwheel", "show", str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r'platform tag:\s*"([^"]+)"', said)
    return found.group(1) if found else "none"


def main() -> int:
    """Clean and check one wheel; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="the tree it was built from")
    options = parser.parse_args()
    folders = prefixes(options.source, dict(os.environ))
    count = clean(options.wheel, folders)
    wrong = faults(options.wheel, folders)
    with zipfile.ZipFile(options.wheel) as wheel:
        native = next(info for info in wheel.infolist() if NATIVE.search(info.filename))
    print(f"{options.wheel.name}: {options.wheel.stat().st_size / 1e6:.1f} MB, ", end="")
    print(f"{native.filename} {native.file_size / 1e6:.1f} MB")
    print(f"paths of this machine taken out of {count} files; {len(wrong)} faults")
    for fault in wrong:
        print(f"  {fault}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
