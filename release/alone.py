"""Proves that a wheel stands alone: a program runs in a root with Python and the wheel only, and strace looks on."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEM = (
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
    "/proc",
)
"""What any Linux has; /etc, /home, /root and /tmp are not among it."""

LINE = re.compile(r'^\d+ +\w+\([^"\n]*"([^"\n]*)"(.*)$', re.M)
RESULT = re.compile(r"= (-?\d+)")


def looked_at(trace: str) -> list[tuple[str, bool]]:
    """The paths that strace saw, and whether each was there.

    Args:
        trace: what strace wrote.
    """
    seen = []
    for path, rest in LINE.findall(trace):
        results = RESULT.findall(rest)
        # A line that another thread interrupted has no result: it counts as there.
        seen.append((path, not results or int(results[-1]) >= 0))
    return seen


def below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of the folders or inside one."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def strangers(trace: str, allowed: Iterable[str], forbidden: Iterable[str]) -> list[str]:
    """Paths that a program alone must not need: those below `forbidden`, and all that were there outside `allowed`.

    Args:
        trace: what strace wrote.
        allowed: folders a program may read.
        forbidden: folders of the build machine.
    """
    allowed, forbidden = list(allowed), list(forbidden)
    ways, wrong = parents(allowed), set()
    for path, found in looked_at(trace):
        if not path.startswith("/") or below(path, allowed):
            continue
        if below(path, forbidden) or (found and path not in ways):
            wrong.add(path)
    return sorted(wrong)


def parents(folders: Iterable[str]) -> set[str]:
    """The folders that lead to some folders."""
    return {str(parent) for folder in folders for parent in Path(folder).parents}


def mounts(root: Path, things: Iterable[str]) -> list[list[str]]:
    """The commands that show things of this machine, unwritable, at their places below another root.

    Args:
        root: the other root.
        things: absolute paths; links are made again, not followed.
    """
    commands = []
    for thing in things:
        path, inside = Path(thing), root / thing.lstrip("/")
        if path.is_symlink():
            commands += [["mkdir", "-p", str(inside.parent)], ["cp", "-P", thing, str(inside)]]
        elif path.is_dir():
            commands += [["mkdir", "-p", str(inside)], ["mount", "--rbind", thing, str(inside)]]
            if not thing.startswith("/proc"):
                commands.append(["mount", "-o", "remount,ro,bind", str(inside)])
        elif path.exists():
            commands += [
                ["mkdir", "-p", str(inside.parent)],
                ["touch", str(inside)],
                ["mount", "--bind", thing, str(inside)],
            ]
    return commands


def inside(root: Path, things: list[str], command: list[str]) -> None:
    """Make the root, in the namespace this process was started in, and become the command in it."""
    for words in [
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "tmpfs", str(root)],
        *mounts(root, things),
    ]:
        subprocess.run(words, check=True)
    (root / "tmp").mkdir(exist_ok=True)
    os.chroot(root)
    os.chdir("/tmp")  # noqa: S108 - that of the new root
    os.execve(command[0], command, {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "LANG": "C.UTF-8"})


def main() -> int:
    """Install the wheel in a folder, run the program with that alone, and judge; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument(
        "--forbid", action="append", default=[], metavar="DIR", help="a folder of the build; may be gone by now"
    )
    options = parser.parse_args()
    for tool in ("strace", "unshare", "mount"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: install it (Debian's packages are strace, util-linux and mount)")
    python = Path(sys.executable).resolve()
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    forbidden = [*options.forbid, str(home), str(Path.home() / ".rustup"), str(HERE.parent)]
    with tempfile.TemporaryDirectory(prefix="alone-") as folder:
        site, root, trace = (Path(folder) / name for name in ("site", "root", "trace"))
        root.mkdir()
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-index",
            "--no-deps",
            "--target",
            str(site),
            str(options.wheel),
        ]
        subprocess.run(pip, check=True)
        shutil.copy(HERE / "program.py", site / "program.py")
        things = [*(thing for thing in SYSTEM if Path(thing).exists() or Path(thing).is_symlink()), str(site)]
        things += [] if below(sys.base_prefix, SYSTEM) else [sys.base_prefix]
        program = [str(python), "-s", "-B", str(site / "program.py")]
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        spaces = ["unshare", *user, "--mount", "--net", "--"]
        me = [sys.executable, str(HERE / "alone.py"), "--inside", str(root), *things, "--", *program]
        watch = ["strace", "-f", "-qq", "-s", "400", "-e", "trace=%file", "-o", str(trace)]
        # What is done before the program has the new root is cut off below.
        done = subprocess.run([*watch, *spaces, *me], cwd="/", check=False)
        text = trace.read_text(encoding="utf-8", errors="replace")
    if done.returncode:
        print(f"the program ended with {done.returncode}")
        return 1
    start = text.index("chroot(")
    wrong = strangers(text[start:], things, forbidden)
    seen = {path for path, found in looked_at(text[start:]) if found}
    print(f"{len(seen)} files and folders were looked at; outside Python, the wheel and the system: {len(wrong)}")
    for path in wrong:
        print(f"  {path}")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        split = sys.argv.index("--")
        inside(Path(sys.argv[2]), sys.argv[3:split], sys.argv[split + 1 :])
    sys.exit(main())
