"""Every Python example in the README, the documentation and the docstrings runs, and prints what it says it prints."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import doctest
import enum
import importlib
import importlib.util
import io
import re
import subprocess
import sys
import time
from array import array
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import jsrun

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(path.stem for path in (ROOT / "jsrun").glob("*.py") if not path.stem.startswith("__"))

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
PRINTS = re.compile(r"^ *print\(.*\)  # (.*)$", re.M)
SAYS = re.compile(r"\s*^This prints:\n\n```text\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|", re.M)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="runs in a checkout only")


def place(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_page(page: Path) -> None:
    """Run a page's blocks one after another in one namespace; what a block prints is what its comments say."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for found in BLOCK.finditer(text):
        code, line = found.group(1), text[: found.start(1)].count("\n")
        if "opentelemetry" in code and importlib.util.find_spec("opentelemetry") is None:
            # An extra, in the tests' dependency group.
            continue
        if "setrlimit" in code:
            # A program of its own makes no isolate ahead by then, as those of the blocks before do for a second.
            time.sleep(1.5)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            # Line numbers in tracebacks are those of the page.
            exec(compile("\n" * line + code, str(page), "exec"), namespace)
        said = SAYS.match(text, found.end())
        expected = said.group(1).splitlines() if said else PRINTS.findall(code)
        printed = output.getvalue().splitlines()
        if expected and printed != expected:
            raise AssertionError(f"{place(page)}, block at line {line + 1}: expected {expected}, printed {printed}")


def run_stub(stub: Path) -> int:
    """Run the examples in the docstrings of a stub; return how many failed."""
    runner = doctest.DocTestRunner()
    for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node) or ""
            runner.run(doctest.DocTestParser().get_doctest(text, {}, node.name, str(stub), node.lineno))
    return runner.failures


def in_process_of_its_own(*arguments: str) -> None:
    """Run this file with `arguments`: warnings are errors, and nothing is left for other tests."""
    command = [sys.executable, "-W", "error", str(Path(__file__)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_the_examples_of_a_page_run(page: Path) -> None:
    if BLOCK.search(page.read_text(encoding="utf-8")):
        in_process_of_its_own("page", str(page))


def test_the_examples_of_the_docstrings_run() -> None:
    in_process_of_its_own("docstrings")


def test_the_examples_of_the_stub_run() -> None:
    in_process_of_its_own("stub")


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_pages_that_other_files_name_are_there() -> None:
    code = [path for pattern in ("*.py", "*.pyi") for path in (ROOT / "jsrun").rglob(pattern)]
    files = [*code, ROOT / "CHANGELOG.md", ROOT / "noxfile.py"]
    named = {name for file in files for name in re.findall(r"\bdocs/[\w./-]+\.md\b", file.read_text(encoding="utf-8"))}
    assert len(named) > 5
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_a_page_names_no_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.~])/(?:work|tmp|root|home|usr|opt)/\S*", text) == []


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int


def value_rows(heading: str) -> list[tuple[str, str]]:
    """Rows of a table in docs/concepts/values.md with code on both sides."""
    text = (ROOT / "docs/concepts/values.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [(left, right) for left, right in ROW.findall(section) if not left.startswith("Js") or "(" in left]


def python_value(code: str) -> Any:
    names = {"array": array, "re": re, "Color": Color, "Point": Point, "Decimal": Decimal, **vars(jsrun)}
    return eval(code, {**names, "datetime": datetime, "date": date, "timezone": timezone})


@pytest.mark.parametrize(("code", "python"), value_rows("JavaScript to Python"))
def test_the_table_of_results(rt: jsrun.Runtime, code: str, python: str) -> None:
    value, expected = rt.eval(code), python_value(python)
    assert type(value) is type(expected)
    assert value == expected
    if isinstance(value, float):
        assert repr(value) == repr(expected)


@pytest.mark.parametrize(("python", "code"), value_rows("Python to JavaScript"))
def test_the_table_of_arguments(rt: jsrun.Runtime, python: str, code: str) -> None:
    show = rt.eval((ROOT / "tests/js/show.js").read_text(encoding="utf-8"))
    assert show(python_value(python)) == rt.eval(f"show({code})")


def main(kind: str, *arguments: str) -> int:
    """Run one kind of example; return the exit code."""
    if kind == "page":
        run_page(Path(arguments[0]))
        return 0
    if kind == "stub":
        return run_stub(ROOT / "jsrun/_jsrun.pyi")
    results = [doctest.testmod(importlib.import_module(f"jsrun.{name}")) for name in MODULES]
    assert sum(result.attempted for result in results) > 10
    return sum(result.failed for result in results)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
