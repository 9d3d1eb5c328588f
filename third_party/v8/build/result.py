"""What came out: the checksum, and where it is another one, how far the two archives differ."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contents:
    """What an archive holds, as far as two builds can be compared."""

    size: int
    members: int
    symbols: frozenset[str]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def defined(listing: str) -> frozenset[str]:
    """Names of the external symbols that an archive defines.

    Args:
        listing: what `llvm-nm --defined-only --extern-only --format=posix` prints.
    """
    rows = (line.split() for line in listing.splitlines())
    return frozenset(row[0] for row in rows if len(row) >= 2 and len(row[1]) == 1)


def contents(packed: Path, unpacked: Path, llvm: Path) -> Contents:
    """Unpack an archive and list it.

    Args:
        packed: the .a.gz file.
        unpacked: where to put the .a file.
        llvm: folder of the LLVM tools.
    """
    with gzip.open(packed) as read, unpacked.open("wb") as write:
        shutil.copyfileobj(read, write)
    nm = [str(llvm / "llvm-nm"), "--defined-only", "--extern-only", "--format=posix", "--quiet", str(unpacked)]
    names = subprocess.run(nm, check=True, capture_output=True, text=True).stdout
    members = subprocess.run([str(llvm / "llvm-ar"), "t", str(unpacked)], check=True, capture_output=True, text=True)
    return Contents(unpacked.stat().st_size, len(members.stdout.splitlines()), defined(names))


def report(old: Contents, new: Contents) -> list[str]:
    """The differences in words, for a person to judge."""
    lines = [
        f"unpacked: {old.size:,} bytes committed, {new.size:,} built ({(new.size - old.size) / old.size:+.2%})",
        f"object files: {old.members} committed, {new.members} built",
        f"external symbols: {len(old.symbols):,} committed, {len(new.symbols):,} built",
    ]
    for name, some in (("only committed", old.symbols - new.symbols), ("only built", new.symbols - old.symbols)):
        if some:
            lines.append(f"{name}: {len(some):,}, for instance {', '.join(sorted(some)[:5])}")
    if old.symbols == new.symbols:
        lines.append("both define the same external symbols")
    return lines
