"""Fetch pinned npm packages into the user's cache and hand out their single-file scripts.

A package is named with its exact version and the sha512 integrity of its tarball. The npm client downloads it once;
from then on the cache answers. Every script comes out of bytes whose checksum was just compared, cached or not.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NPM_TIMEOUT = 120.0
STEPS = ("download", "verify", "unpack")


@dataclass(frozen=True)
class NpmPackage:
    """One published package, pinned to the bytes of its tarball."""

    name: str
    version: str
    integrity: str
    script: str

    @property
    def spec(self) -> str:
        """The name that the npm client understands, e.g. `marked@18.2.1`."""
        return f"{self.name}@{self.version}"

    @property
    def tarball(self) -> str:
        """The file name in the cache."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


@dataclass(frozen=True)
class NpmScript:
    """A script taken from a verified tarball."""

    package: NpmPackage
    source: str
    origin: str


class NpmError(Exception):
    """A package could not be had; the text says what to do about it."""


class NpmNotInstalled(NpmError):
    """There is no npm client on PATH."""

    def __init__(self, package: NpmPackage) -> None:
        super().__init__(
            f"{package.spec} is not in the cache and there is no npm client to fetch it with. "
            "Install Node.js with npm, see that `npm --version` works, and run this again."
        )


class NotCached(NpmError):
    """The package is not in the cache and the network may not be used."""

    def __init__(self, package: NpmPackage, cache: Path) -> None:
        super().__init__(
            f"{package.spec} is not in the cache ({cache}) and --offline forbids fetching it. "
            "Run this once without --offline."
        )


class DownloadFailed(NpmError):
    """The npm client gave up."""

    def __init__(self, package: NpmPackage, reason: str) -> None:
        super().__init__(
            f"npm could not fetch {package.spec}: {reason}. "
            "Check the network and npm's registry settings (`npm config ls`), then run this again."
        )


class ChecksumMismatch(NpmError):
    """The tarball is not the one that was pinned."""

    def __init__(self, package: NpmPackage, found: str, where: str) -> None:
        super().__init__(
            f"checksum of {package.spec} does not match.\n  pinned {package.integrity}\n  found  {found} ({where})\n"
            "None of it was run. Delete a damaged cache file, or find out who changed the package before pinning anew."
        )


class ScriptMissing(NpmError):
    """The tarball has no such file."""

    def __init__(self, package: NpmPackage) -> None:
        super().__init__(f"{package.spec} has no file {package.script}. Correct the pinned path of its script.")


def cache_directory() -> Path:
    """Return the cache directory of the examples, below XDG_CACHE_HOME or ~/.cache."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules: a relative path is invalid and to be ignored.
    root = Path(configured) if os.path.isabs(configured) else Path.home() / ".cache"
    return root / "jsrun-examples"


class CacheUnusable(NpmError):
    """The cache directory cannot be read or written."""

    def __init__(self, cache: Path, error: OSError) -> None:
        super().__init__(
            f"the cache {cache} cannot be used: {error.strerror or error}. "
            "Make it writable, or set XDG_CACHE_HOME to a directory that is."
        )


async def fetch(
    package: NpmPackage, cache: Path, *, offline: bool = False, on_step: Callable[[str], None] = lambda step: None
) -> NpmScript:
    """Return the script of `package`, from the cache or through the npm client.

    Args:
        package: What to fetch.
        cache: The directory that keeps tarballs; made when missing.
        offline: Use the cache alone.
        on_step: Called with each name of `STEPS` as that step begins.

    Raises:
        NpmError: One of its subclasses, saying what to do.
    """
    on_step("download")
    path, origin = cache / package.tarball, "cache"
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise CacheUnusable(cache, error) from None
    if data is None and offline:
        raise NotCached(package, cache)
    # A damaged cache file is replaced when the network may be used, else reported below.
    if data is None or (_integrity(data) != package.integrity and not offline):
        data, origin = await _download(package), "npm"
    on_step("verify")
    found = _integrity(data)
    if found != package.integrity:
        raise ChecksumMismatch(package, found, str(path) if origin == "cache" else "downloaded just now")
    if origin == "npm":
        try:
            await asyncio.to_thread(_store, data, path)
        except OSError as error:
            raise CacheUnusable(cache, error) from None
    on_step("unpack")
    return NpmScript(package, await asyncio.to_thread(_unpack, package, data), origin)


async def _download(package: NpmPackage) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmNotInstalled(package)
    # An empty directory as working directory: no project's .npmrc has a say in where packages come from.
    with tempfile.TemporaryDirectory(prefix="jsrun-npm-") as directory:
        process = await asyncio.create_subprocess_exec(
            *(npm, "pack", package.spec, "--json", "--ignore-scripts", "--loglevel=error"),
            *("--fetch-retries=1", "--pack-destination", directory),
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            stdout, stderr = await asyncio.wait_for(process.communicate(), NPM_TIMEOUT)
        except asyncio.TimeoutError:
            raise DownloadFailed(package, f"no answer within {NPM_TIMEOUT:.0f} seconds") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        tarballs = list(Path(directory).glob("*.tgz"))
        if process.returncode != 0 or len(tarballs) != 1:
            raise DownloadFailed(package, _npm_reason(stdout, stderr))
        return tarballs[0].read_bytes()


def _npm_reason(stdout: bytes, stderr: bytes) -> str:
    """Find the one line of npm's output that says what went wrong."""
    try:
        return str(json.loads(stdout)["error"]["summary"]).strip().rstrip(".")
    except (ValueError, TypeError, KeyError):
        lines = stderr.decode(errors="replace").split("\n")
        errors = [line.removeprefix("npm error").strip() for line in lines if line.startswith("npm error")]
        return next((line for line in errors if line), "it made no tarball and gave no reason")


def _integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def _store(data: bytes, path: Path) -> None:
    """Put `data` at `path` in one step, so that a second program never reads half a tarball."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _unpack(package: NpmPackage, data: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        try:
            member = archive.extractfile(f"package/{package.script}")
        except KeyError:
            member = None
        if member is None:
            raise ScriptMissing(package)
        return member.read().decode()
