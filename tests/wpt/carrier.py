"""Where web-platform-tests come from: Debian's source package of Node.js carries parts of them, and apt fetches it."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "nodejs"
SUITE = "trixie"
ARCHIVE = "nodejs_20.19.2+dfsg.orig.tar.xz"
SHA256 = "5e5559381ad031d245a8efa403458abbb73755f74c3e6380f185a4dd342b7949"
SOURCES = (
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {suite} main\n"
)
INSIDE = "/test/fixtures/wpt/"


def fetch(home: Path) -> Path:
    """The tree of tests, unpacked under `home`; fetched if it is not there yet.

    Raises:
        RuntimeError: what was fetched has another checksum.
        subprocess.CalledProcessError: apt could not fetch it.
    """
    tree = home / "wpt"
    if (tree / "resources" / "testharness.js").exists():
        return tree
    home.mkdir(parents=True, exist_ok=True)
    archive = home / ARCHIVE
    if not archive.exists():
        download(home)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise RuntimeError(f"{archive} has the checksum {found}, not {SHA256}: remove it, and try again")
    unpack(archive, tree)
    return tree


def download(home: Path) -> None:
    """Fetch the source package with apt, from lists of its own: the system's are left as they are."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "sources.list").write_text(SOURCES.format(suite=SUITE))
    places = {
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": home / "lists",
        "Dir::Cache": home / "cache",
    }
    options = [word for name, value in places.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", *options, "-q", "update"], check=True, cwd=home)
    subprocess.run(["apt-get", *options, "-q", "source", "--download-only", PACKAGE], check=True, cwd=home)


def unpack(archive: Path, tree: Path) -> None:
    """Take the tests out of the archive; its other files are not wanted."""
    with tarfile.open(archive) as packed:
        for member in packed:
            _, found, path = member.name.partition(INSIDE)
            content = packed.extractfile(member) if found and member.isfile() else None
            if content is not None:
                target = tree / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
