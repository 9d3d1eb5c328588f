"""What makes wheels and sdists, in its pure parts; building them is the sessions `wheel` and `sdist` of nox."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import jsrun

ROOT = Path(__file__).parent.parent
LINUX, MAC = "x86_64-unknown-linux-gnu", "aarch64-apple-darwin"

pytestmark = pytest.mark.skipif(not (ROOT / "release").exists(), reason="runs in a checkout only")
sys.path.append(str(ROOT / "release"))

import alone  # noqa: E402
import distribution  # noqa: E402
import licenses  # noqa: E402
import v8_archive  # noqa: E402
import wheel_contents  # noqa: E402

# --- V8's archive ---------------------------------------------------------------------------------------------------


def test_the_archive_of_the_tree_is_for_its_target_only() -> None:
    assert v8_archive.vendored(LINUX) == ROOT / "third_party/v8" / v8_archive.name(LINUX)
    assert v8_archive.vendored(MAC) is None


def test_a_build_links_the_tree_s_archive_or_the_published_one() -> None:
    assert v8_archive.variables(LINUX, {}) == {"RUSTY_V8_ARCHIVE": str(v8_archive.vendored(LINUX))}
    found = v8_archive.variables(MAC, {})["RUSTY_V8_ARCHIVE"]
    assert found.startswith("https://")
    assert found.endswith(f"/v{v8_archive.version()}/librusty_v8_simdutf_release_{MAC}.a.gz")


@pytest.mark.parametrize("target", [LINUX, MAC])
def test_the_choice_of_the_caller_stays(target: str) -> None:
    assert v8_archive.variables(target, {"RUSTY_V8_ARCHIVE": "mine.a"}) == {}


def test_a_mirror_serves_every_target() -> None:
    found = v8_archive.variables(LINUX, {"RUSTY_V8_MIRROR": "/mirror"})
    assert found == {"RUSTY_V8_ARCHIVE": f"/mirror/v{v8_archive.version()}/{v8_archive.name(LINUX)}"}


@pytest.fixture
def maturin(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A maturin that builds nothing; the environment is put back."""
    fake = ModuleType("maturin")
    kinds = ["build_sdist", "build_wheel", "build_editable"]
    asking = [f"{before}_{kind}" for before in ("get_requires_for", "prepare_metadata_for") for kind in kinds]
    for hook in [*kinds, *asking]:
        setattr(fake, hook, lambda *arguments: os.environ["RUSTY_V8_ARCHIVE"])
    monkeypatch.setitem(sys.modules, "maturin", fake)
    monkeypatch.delitem(sys.modules, "backend", raising=False)
    monkeypatch.setenv("RUSTY_V8_ARCHIVE", "to be put back")
    monkeypatch.delenv("RUSTY_V8_ARCHIVE")
    monkeypatch.delenv("RUSTY_V8_MIRROR", raising=False)
    yield fake
    sys.modules.pop("backend", None)


def test_the_backend_names_the_archive(maturin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v8_archive, "host", lambda: LINUX)
    assert importlib.import_module("backend").build_wheel("dist") == str(v8_archive.vendored(LINUX))


def test_a_failed_build_elsewhere_says_what_to_set(
    maturin: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> str:
        assert os.environ["RUSTY_V8_ARCHIVE"] == v8_archive.download(MAC)
        raise SystemExit(1)

    monkeypatch.setattr(v8_archive, "host", lambda: MAC)
    monkeypatch.setattr(maturin, "build_wheel", fail)
    with pytest.raises(SystemExit):
        importlib.import_module("backend").build_wheel("dist")
    assert "set RUSTY_V8_ARCHIVE to its path" in capsys.readouterr().err


def test_the_advice_names_the_variable_and_the_file() -> None:
    advice = v8_archive.advice(MAC)
    assert "set RUSTY_V8_ARCHIVE" in advice
    assert v8_archive.name(MAC) in advice


def test_the_version_is_the_one_that_rust_is_told() -> None:
    assert f'v8 = "={v8_archive.version()}"' in (ROOT / "Cargo.toml").read_text()


# --- the wheel ------------------------------------------------------------------------------------------------------

FOLDERS = ["/build/someone/.cargo/registry/src/index.crates.io-1949", "/build/someone/.cargo"]


def test_paths_are_taken_out_at_the_same_length() -> None:
    content = b"\0" + FOLDERS[0].encode() + b"/tokio-1.0/src/lib.rs:" + FOLDERS[1].encode() + b"/bin\0"
    better = wheel_contents.without_paths(content, FOLDERS)
    assert len(better) == len(content)
    assert b"someone" not in better
    assert b"/crates.io/tokio-1.0/src/lib.rs:" in better
    assert better.endswith(b"/build/bin\0")


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    """A wheel of these files, with what every wheel of jsrun has."""
    info = "jsrun-0.1.0.dist-info"
    native = b"\x7fELF " + FOLDERS[0].encode() + b"/tokio"
    contents = {
        "jsrun/_jsrun.abi3.so": native,
        "jsrun/_jsrun.pyi": b"",
        "jsrun/py.typed": b"",
        f"{info}/licenses/LICENSE": b"MIT",
        f"{info}/licenses/THIRD_PARTY_LICENSES.txt": b"MIT",
        f"{info}/RECORD": b"jsrun/_jsrun.abi3.so,sha256=old,1\njsrun/py.typed,sha256=same,0\n",
        **files,
    }
    path = folder / "jsrun-0.1.0-cp310-abi3-manylinux_2_35_x86_64.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in contents.items():
            wheel.writestr(name, content)
    return path


@pytest.fixture
def tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel_contents, "audited", lambda path: "manylinux_2_35_x86_64")


def test_a_cleaned_wheel_has_a_true_record(tmp_path: Path, tagged: None) -> None:
    path = make_wheel(tmp_path, {})
    assert wheel_contents.faults(path, FOLDERS) == [
        f"jsrun/_jsrun.abi3.so holds the path {folder}" for folder in FOLDERS
    ]
    assert wheel_contents.clean(path, FOLDERS) == 1
    assert wheel_contents.faults(path, FOLDERS) == []
    with zipfile.ZipFile(path) as wheel:
        record = wheel.read("jsrun-0.1.0.dist-info/RECORD").decode()
        size = len(wheel.read("jsrun/_jsrun.abi3.so"))
    assert re.fullmatch(rf"jsrun/_jsrun.abi3.so,sha256=[\w-]{{43}},{size}\njsrun/py.typed,sha256=same,0\n", record)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"LICENSE": b""}, "beside other packages"),
        ({"jsrun/core.rs": b""}, "for developers"),
        ({"jsrun/_jsrun.cp311.so": b""}, "native modules"),
    ],
)
def test_what_does_not_belong_into_a_wheel_is_noticed(
    tmp_path: Path, tagged: None, files: dict[str, bytes], word: str
) -> None:
    path = make_wheel(tmp_path, files)
    wheel_contents.clean(path, FOLDERS)
    faults = wheel_contents.faults(path, FOLDERS)
    assert len(faults) == 1
    assert word in faults[0]


def test_a_tag_that_promises_too_much_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("auditwheel is for Linux")
    path = make_wheel(tmp_path, {})
    wheel_contents.clean(path, FOLDERS)
    monkeypatch.setattr(wheel_contents, "audited", lambda path: "manylinux_2_99_x86_64")
    assert "auditwheel finds, manylinux_2_99" in wheel_contents.faults(path, FOLDERS)[0]


# --- alone ----------------------------------------------------------------------------------------------------------

TRACE = """\
7 openat(AT_FDCWD, "/usr/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3
7 openat(AT_FDCWD, "/site/jsrun/__init__.py", O_RDONLY <unfinished ...>
8 newfstatat(AT_FDCWD, "/etc/motd", 0x7f, 0) = -1 ENOENT (No such file or directory)
"""


@pytest.mark.parametrize(
    ("line", "strangers"),
    [
        ("", []),
        (
            '8 statx(AT_FDCWD, "/cargo/registry/a.js", 0, 0, 0x7f) = -1 ENOENT (No such file)\n',
            ["/cargo/registry/a.js"],
        ),
        ('8 openat(AT_FDCWD, "/cargo/registry/a.js", O_RDONLY <unfinished ...>\n', ["/cargo/registry/a.js"]),
        ('8 openat(AT_FDCWD, "/srv/file", O_RDONLY) = 5\n', ["/srv/file"]),
        ('8 openat(AT_FDCWD, "/srv/file", O_RDONLY) = -1 ENOENT (No such file)\n', []),
        ('8 execve("/usr/bin/python3", ["python3", "/cargo"], 0x7f) = 0\n', []),
        ('8 openat(AT_FDCWD, "/cargoes", O_RDONLY) = -1 ENOENT (No such file)\n', []),
    ],
)
def test_what_a_program_alone_must_not_look_at(line: str, strangers: list[str]) -> None:
    assert alone.strangers(TRACE + line, ["/usr", "/site"], ["/cargo"]) == strangers


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_running_javascript_opens_no_file_of_the_build(tmp_path: Path) -> None:
    trace, package = tmp_path / "trace", Path(jsrun.__file__).parent
    code = "import jsrun; rt = jsrun.Runtime(); print(rt.eval('new URL(\"a:b\").href')); rt.close()"
    command = ["strace", "-f", "-qq", "-s", "400", "-e", "trace=%file", "-o", trace, sys.executable, "-c", code]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True)
    if "ptrace" in done.stderr.lower():
        pytest.skip("strace may not look here")
    assert (done.returncode, done.stdout) == (0, "a:b\n")
    build = [str(ROOT / "rust"), str(ROOT / "third_party"), str(ROOT / "target"), str(Path.home() / ".cargo")]
    seen = alone.looked_at(trace.read_text(errors="replace"))
    assert any(path.endswith(".so") and "_jsrun" in path for path, found in seen if found)
    assert [path for path, _ in seen if alone.below(path, build)] == []


# --- what is described for others -------------------------------------------------------------------------------------


def test_the_description_for_ci_runs_sessions_that_there_are() -> None:
    yaml = pytest.importorskip("yaml")
    path = ROOT / ".github/workflows/ci.yml"
    assert path.read_text().startswith("# NOT RUN HERE")
    jobs = yaml.safe_load(path.read_text())["jobs"]
    lines = [step["run"] for job in jobs.values() for step in job["steps"] if "nox -s" in step.get("run", "")]
    named = {name for line in lines for name in line.split("nox -s", 1)[1].split()}
    sessions = set(re.findall(r"@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text()))
    assert {"lint", "typing", "tests", "wheel", "sdist"} <= named <= sessions
    targets = {row["target"] for row in jobs["test"]["strategy"]["matrix"]["include"]}
    assert {"aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"} <= targets


# --- licences and the sdist -----------------------------------------------------------------------------------------


def test_the_licences_are_those_of_what_is_linked() -> None:
    def package(name: str, kind: str = "lib", source: str | None = "registry") -> dict[str, object]:
        return {"id": name, "name": name, "version": "1", "source": source, "targets": [{"kind": [kind]}]}

    def needs(name: str, **others: str | None) -> dict[str, object]:
        return {"id": name, "deps": [{"pkg": other, "dep_kinds": [{"kind": kind}]} for other, kind in others.items()]}

    packages = [
        package("jsrun-py", source=None),
        package("a"),
        package("b"),
        package("tool"),
        package("m", "proc-macro"),
    ]
    nodes = [needs("jsrun-py", a=None, tool="build"), needs("a", b=None, m=None), *map(needs, ("b", "tool", "m"))]
    found = licenses.linked({"packages": packages, "resolve": {"nodes": nodes}})
    assert [one["name"] for one in found] == ["a", "b"]


def test_the_file_of_licences_knows_the_versions_of_the_lock_file() -> None:
    locked = re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource', (ROOT / "Cargo.lock").read_text())
    text = licenses.RESULT.read_text(encoding="utf-8").split(licenses.RULE)[0]
    listed = re.findall(r"^  ([\w-]+) (\d\S*): ", text, re.M)
    assert {"deno_core", "v8", "tokio", "pyo3"} <= {name for name, _ in listed}
    assert sorted(set(listed) - set(locked)) == []


def test_an_sdist_holds_what_a_build_needs_and_no_more() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    assert v8_archive.name(LINUX) in settings
    assert all((ROOT / name).exists() for name in [*distribution.NEEDED, *distribution.PROGRAMS])
