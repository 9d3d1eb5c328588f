"""The recipe of the V8 archive, in its pure parts and its dry run; building takes the better part of an hour."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from modes import beside_itself

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "third_party/v8/build"

pytestmark = pytest.mark.skipif(not RECIPE.exists(), reason="runs in a checkout only")
sys.path.append(str(RECIPE))

import arguments  # noqa: E402
import compiler  # noqa: E402
import crates  # noqa: E402
import fixes  # noqa: E402
import headers  # noqa: E402
import plan  # noqa: E402
import result  # noqa: E402
import steps  # noqa: E402


def build_file(name: str, version: str, folder: str, *needs: str) -> str:
    """A BUILD.gn file as Chromium's tool writes it."""
    deps = "".join(f'    "//third_party/rust/{need}:lib",\n' for need in needs)
    return (
        f'cargo_crate("lib") {{\n  crate_root =\n      "//{crates.VENDOR}/{folder}/src/lib.rs"\n'
        f'  cargo_pkg_name = "{name}"\n  cargo_pkg_version = "{version}"\n  deps = [\n{deps}  ]\n}}\n'
    )


# --- the crates -----------------------------------------------------------------------------------------------------


def test_a_build_file_names_crate_version_and_folder() -> None:
    text = build_file("zerovec", "0.11.6", "zerovec-v0_11", "yoke/v0_8")
    assert crates.parse(text) == crates.Crate("zerovec", "0.11.6", "zerovec-v0_11")
    assert crates.needs(text) == {"yoke"}
    assert crates.parse('group("temporal_capi") {}\n') is None


def test_a_build_file_without_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no version or no folder.*yoke"):
        crates.parse('cargo_pkg_name = "yoke"\n')


def test_crates_are_followed_to_the_end_and_in_all_their_versions(tmp_path: Path) -> None:
    files = {
        "top/v1": build_file("top", "1.2.3", "top-v1", "hash/v0_15", "ring/v2"),
        "hash/v0_15": build_file("hash", "0.15.5", "hash-v0_15"),
        "hash/v0_16": build_file("hash", "0.16.1", "hash-v0_16"),
        "ring/v2": build_file("ring", "2.0.0+built", "ring-v2", "top/v1"),
        "other/v1": build_file("other", "1.0.0", "other-v1"),
    }
    for folder, text in files.items():
        (tmp_path / "third_party/rust" / folder).mkdir(parents=True)
        (tmp_path / "third_party/rust" / folder / "BUILD.gn").write_text(text)
    found = crates.wanted(tmp_path, ["top"])
    assert [(crate.name, crate.version) for crate in found] == [
        ("hash", "0.15.5"),
        ("hash", "0.16.1"),
        ("ring", "2.0.0+built"),
        ("top", "1.2.3"),
    ]
    with pytest.raises(ValueError, match="missing has no BUILD.gn"):
        crates.wanted(tmp_path, ["missing"])


def test_the_committed_manifest_is_of_this_form_and_locked() -> None:
    manifest = (RECIPE / "crates/Cargo.toml").read_text()
    lock = (RECIPE / "crates/Cargo.lock").read_text()
    rows = re.findall(r'^"[\w-]+" = \{ package = "([^"]+)", version = "=([^"]+)"', manifest, re.M)
    assert len(rows) > 50
    assert manifest == crates.manifest([crates.Crate(*row, "") for row in rows], plan.V8, plan.ICU_DATA)
    for name, version in [*rows, ("v8", plan.V8), ("deno_core_icudata", plan.ICU_DATA)]:
        assert re.search(
            rf'name = "{name}"\nversion = "{re.escape(version)}"\nsource.*\nchecksum = "\w{{64}}"', lock
        ), name


# --- the plan -------------------------------------------------------------------------------------------------------


def test_the_recipe_is_for_the_archive_that_is_committed() -> None:
    page = (ROOT / "third_party/v8/README.md").read_text()
    assert plan.SHA256 in page
    assert result.checksum(ROOT / "third_party/v8" / plan.ARCHIVE) == plan.SHA256
    assert f'v8 = "={plan.V8}"' in (ROOT / "Cargo.toml").read_text()


def test_every_step_can_be_done() -> None:
    assert [step.name for step in plan.STEPS] == list(steps.DO)
    assert [step.name for step in plan.until("sources")] == ["tools", "fetch", "sources"]
    with pytest.raises(ValueError, match="steps are tools, fetch"):
        plan.until("link")


def test_a_changed_step_is_done_again_and_all_after_it() -> None:
    before, after = plan.fingerprints({}), plan.fingerprints({"fixes": "another"})
    changed = [step.name for step in plan.STEPS if before[step.name] != after[step.name]]
    assert changed == ["fixes", "generate", "headers", "compile", "pack", "compare"]


def recipe(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, RECIPE / "recipe.py", *words], env=beside_itself(), capture_output=True, text=True
    )


def test_a_dry_run_says_what_it_takes_and_does_nothing(tmp_path: Path) -> None:
    work = tmp_path / "work"
    done = recipe("--work", str(work), "--dry-run")
    assert done.returncode == 0
    assert done.stdout.startswith(f"9 of 9 steps ahead in {work}: about 45 minutes")
    assert [line for line in done.stdout.splitlines() if line.startswith("[5/9] generate: GN writes")]
    assert not work.exists()


def test_a_dry_run_knows_what_was_done(tmp_path: Path) -> None:
    known = plan.fingerprints(steps.texts(RECIPE))
    (tmp_path / "done").mkdir()
    (tmp_path / "done/tools").write_text(known["tools"])
    (tmp_path / "done/fetch").write_text("by an older recipe")
    done = recipe("--work", str(tmp_path), "--dry-run", "--until", "sources")
    assert done.stdout.startswith("2 of 3 steps ahead")
    assert "tools: GN" in done.stdout
    assert done.stdout.count("(done before)") == 1


def test_an_unknown_step_is_named() -> None:
    done = recipe("--until", "link", "--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no step 'link'" in done.stderr


# --- arguments, fixes, headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "literal"),
    [(True, "true"), (False, "false"), (0, "0"), ("22", '"22"'), (Path("/a b"), '"/a b"'), ('$"\\', '"\\$\\"\\\\"')],
)
def test_values_in_gn_s_language(value: object, literal: str) -> None:
    assert arguments.literal(value) == literal


def test_gn_has_no_value_like_none() -> None:
    with pytest.raises(TypeError, match="None"):
        arguments.literal(None)


def test_the_arguments_are_those_that_the_readme_tells() -> None:
    page = (ROOT / "third_party/v8/README.md").read_text()
    for line in arguments.text(arguments.FEATURES).splitlines():
        assert f"`{line.replace(' ', '')}`" in page


ALONE = fixes.Flag("BUILD.gn", "-fnew", 1)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('  if (a) {\n    cflags += [ "-fnew" ]\n  }\n', "  if (a) {\n  }\n"),
        ('  cflags = [\n    "-fold",\n    # new\n    "-fnew",\n  ]\n', '  cflags = [\n    "-fold",\n    # new\n  ]\n'),
    ],
)
def test_a_flag_is_taken_out_once(tmp_path: Path, text: str, left: str) -> None:
    (tmp_path / "BUILD.gn").write_text(text)
    assert fixes.edit(tmp_path, [ALONE]) == ["BUILD.gn: -fnew"]
    assert (tmp_path / "BUILD.gn").read_text() == left
    assert fixes.edit(tmp_path, [ALONE]) == []


def test_a_flag_that_is_set_elsewhere_too_is_for_a_person() -> None:
    with pytest.raises(ValueError, match="2 times, not 1"):
        fixes.without('cflags += [ "-fnew" ]\ncflags += [ "-fnew" ]\n', ALONE)


COMMAND = [
    "clang++",
    "-MD",
    "-MF",
    "a.o.d",
    "-DX",
    "-fmodule-name=v8",
    "-c",
    "../v8/a.cc",
    "-o",
    "obj/v8/v8_compiler/a.o",
]


def test_a_header_is_made_with_the_flags_that_files_share() -> None:
    line = " ".join(["python3", "compiler.py", "headers", *COMMAND])
    entries = [{"command": "ar x", "output": "obj/x.a"}, {"command": line, "output": COMMAND[-1]}]
    flags = headers.flags_of(json.dumps(entries), "v8_compiler")
    assert flags == ["clang++", "-DX"]
    made = headers.command(flags, Path("a.h"), Path("a.pch"))
    assert made[-5:] == ["-x", "c++-header", "a.h", "-o", "a.pch"]
    with pytest.raises(LookupError, match="v8_base"):
        headers.flags_of(json.dumps(entries), "v8_base")


def test_the_wrapper_adds_the_header_of_the_target(tmp_path: Path) -> None:
    assert compiler.with_header(COMMAND, tmp_path) is None
    header = tmp_path / "v8_compiler.pch"
    header.touch()
    assert compiler.with_header(COMMAND, tmp_path) == ["clang++", "-include-pch", str(header), *COMMAND[1:]]
    assert compiler.with_header([*COMMAND[:-1], "host/obj/v8/v8_compiler/a.o"], tmp_path) is None
    assert compiler.with_header(["clang", "-c", "a.S", "-o", COMMAND[-1]], tmp_path) is None
    assert compiler.with_header(["clang++", "a.o", "-o", "program"], tmp_path) is None


def test_the_wrapper_goes_without_a_header_that_does_not_fit(tmp_path: Path) -> None:
    fake = tmp_path / "clang++"
    fake.write_text('#!/bin/sh\n[ "$1" = -include-pch ] && exit 1\necho plain\n')
    fake.chmod(0o755)
    (tmp_path / "v8_compiler.pch").touch()
    command = [sys.executable, RECIPE / "compiler.py", tmp_path, fake, *COMMAND[1:]]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "plain\n")
    assert (tmp_path / "refused").read_text() == "../v8/a.cc\n"


# --- the result -----------------------------------------------------------------------------------------------------


def test_a_difference_is_told() -> None:
    listing = "member.o:\nv8_a T 0 10\nv8_b W 0 10\n"
    old = result.Contents(1000, 3, result.defined(listing))
    assert old.symbols == {"v8_a", "v8_b"}
    report = result.report(old, result.Contents(1100, 3, frozenset({"v8_a", "v8_c"})))
    assert report[0] == "unpacked: 1,000 bytes committed, 1,100 built (+10.00%)"
    assert report[-2:] == ["only committed: 1, for instance v8_b", "only built: 1, for instance v8_c"]
    assert result.report(old, old)[-1] == "both define the same external symbols"


def test_a_checksum_is_of_the_whole_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    assert result.checksum(tmp_path / "file") == hashlib.sha256(content).hexdigest()
