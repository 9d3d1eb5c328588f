"""How the code reads: the principles of STYLE.md that a script can check."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import jsrun

ROOT = Path(__file__).parent.parent
PYTHON = sorted((ROOT / "jsrun").rglob("*.py"))
RUST = sorted(path for path in (ROOT / "rust").rglob("*.rs") if "target" not in path.parts)
RUST_SOURCE = [path for path in RUST if "src" in path.parts]
CORE = [path for path in RUST_SOURCE if "core" in path.relative_to(ROOT).parts]
BINDING = [path for path in RUST_SOURCE if "py" in path.relative_to(ROOT).parts]
INDEX = [path for path in [*PYTHON, *RUST_SOURCE] if path.name in {"__init__.py", "mod.rs", "lib.rs"}]

pytestmark = pytest.mark.skipif(not RUST, reason="runs in a checkout only")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def rust_code(path: Path) -> str:
    """The file without comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return re.sub(r"(?m)(^|[^:\"])//.*$", r"\1", text)


def rust_untested(path: Path) -> str:
    """The file without comments and without its unit tests."""
    return rust_code(path).split("#[cfg(test)]")[0]


def python_code(path: Path) -> str:
    """The file without comments and docstrings."""
    text = path.read_text()
    tree = ast.parse(text)
    drop: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            drop.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = [line for number, line in enumerate(text.splitlines(keepends=True), 1) if number not in drop]
    kept = "".join(lines)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            kept = kept.replace(token.string, "")
    return kept


def code(path: Path) -> str:
    return python_code(path) if path.suffix == ".py" else rust_untested(path)


def holding(pattern: str, paths: list[Path]) -> list[str]:
    return [name(path) for path in paths if re.search(pattern, code(path))]


# --- structure --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PYTHON, *RUST], ids=name)
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 400
    assert lines[0].startswith('"""' if path.suffix == ".py" else "//!")


def test_the_binding_does_not_name_v8_nor_the_core_python() -> None:
    assert holding(r"\bv8::|\bdeno_core\b", BINDING) == []
    assert holding(r"\bpyo3\b", CORE) == []
    assert "pyo3" not in (ROOT / "rust/core/Cargo.toml").read_text()
    dependencies = (ROOT / "rust/py/Cargo.toml").read_text()
    assert not re.search(r"(?m)^(v8|deno_core|serde_v8)\b", dependencies)


@pytest.mark.parametrize("path", INDEX, ids=name)
def test_an_index_file_holds_no_logic(path: Path) -> None:
    text = code(path)
    assert len(path.read_text().splitlines()) <= 80
    if path.suffix == ".rs":
        functions = re.findall(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn (\w+)", text)
        assert functions == [] or (path.name == "lib.rs" and "#[pymodule]" in text and len(functions) == 1)
    else:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.With)
        assert [node for node in ast.parse(text).body if isinstance(node, kinds)] == []


def test_no_file_is_a_drawer() -> None:
    denied = re.compile(r"util|helper|common|manager|misc", re.I)
    assert [name(path) for path in [*PYTHON, *RUST] if denied.search(path.stem)] == []


def test_python_modules_are_private_but_for_the_named_ones() -> None:
    inside = [path.relative_to(ROOT / "jsrun").with_suffix("").parts for path in PYTHON]
    public = {parts[-1] for parts in inside if not any(part.startswith("_") for part in parts)}
    assert public <= {"errors", "modules", "pytest", "ipython", "playground"}


def test_all_equals_the_public_names() -> None:
    public = {
        key for key, value in vars(jsrun).items() if not key.startswith("_") and not isinstance(value, ModuleType)
    } - {"annotations"}
    listed = {key for key in jsrun.__all__ if not key.startswith("__")}
    assert listed == public
    assert len(jsrun.__all__) == len(set(jsrun.__all__))


def test_public_classes_say_they_live_in_the_package() -> None:
    strangers = [
        f"{value.__module__}.{key}"
        for key, value in vars(jsrun).items()
        if isinstance(value, type) and key in jsrun.__all__ and not value.__module__.startswith("jsrun")
    ]
    assert strangers == []


def test_public_things_are_documented() -> None:
    silent = [key for key in jsrun.__all__ if callable(getattr(jsrun, key)) and not getattr(jsrun, key).__doc__]
    assert silent == []
    members = [
        f"{kind.__name__}.{key}"
        for kind in (jsrun.Runtime, jsrun.JsFunction, jsrun.RuntimeConfig)
        for key, value in vars(kind).items()
        if not key.startswith("_") and callable(value) and not value.__doc__
    ]
    assert members == []


@pytest.mark.parametrize("module", ["errors", "_types"])
def test_what_rust_imports_imports_nothing_native(module: str) -> None:
    path = ROOT / "jsrun" / f"{module}.py"
    assert "_jsrun" not in python_code(path)


def test_imports_in_the_package_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in PYTHON:
        if path.name == "__init__.py":
            continue
        targets = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                base = (node.module or "").removeprefix("jsrun").lstrip(".")
                targets |= {base.split(".")[0]} if base else {alias.name for alias in node.names}
        graph[path.stem] = targets
    graph = {module: targets & graph.keys() for module, targets in graph.items()}
    while free := [module for module, targets in graph.items() if not targets]:
        for module in free:
            del graph[module]
        for targets in graph.values():
            targets.difference_update(free)
    assert graph == {}


# --- threads and the async border -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", [r"\beventfd\s*\(|\beventfd::|::eventfd\b", r"\badd_reader\b", r"\bcall_soon_threadsafe\b"]
)
def test_each_way_to_wake_a_loop_is_in_one_file(word: str) -> None:
    assert len(holding(word, [*PYTHON, *RUST_SOURCE])) == 1


def test_no_pair_of_names_differs_by_sync_and_async() -> None:
    names = {found for path in RUST_SOURCE for found in re.findall(r"\bfn (\w+)", rust_untested(path))}
    assert [
        found for found in names if found.endswith("_sync") and found.removesuffix("_sync") + "_async" in names
    ] == []


def test_python_is_attached_in_few_files() -> None:
    # host.rs: inline functions. The others: threads that Python made (signals; a dropped operation and its span).
    allowed = {"host.rs", "blocking.rs", "protocol.rs", "watch.rs"}
    assert {Path(found).name for found in holding(r"Python::(try_)?attach\b", BINDING)} <= allowed


def test_nothing_sleeps_or_spins() -> None:
    assert holding(r"\bsleep\(|\byield_now\b|\bnoop_waker\b", RUST_SOURCE) == []
    assert holding(r"\btime\.sleep\(", PYTHON) == []


def test_commands_and_the_router_are_small() -> None:
    for path in CORE:
        if path.parent.name == "commands":
            assert len(path.read_text().splitlines()) <= 150, name(path)


# --- errors and types -------------------------------------------------------------------------------------------


def test_errors_are_data_never_text() -> None:
    assert holding(r"impl From<(String|&str)> for \w*Error\b", CORE) == []
    assert [name(path) for path in CORE if "thiserror" in rust_code(path) and path.name != "error.rs"] == []
    assert holding(r"(message|to_string\(\)|text)\s*\.\s*contains\(\"", CORE) == []


def test_the_python_error_tree_is_drawn_and_converted_in_one_place() -> None:
    assert "JsrunError" in (ast.get_docstring(ast.parse((ROOT / "jsrun/errors.py").read_text())) or "")
    assert len(holding(r"impl From<[\w:]*Error> for PyErr|fn \w+\([^)]*\bcore::Error\b[^)]*\) -> PyErr", BINDING)) <= 1


def test_native_classes_are_frozen() -> None:
    open_ones = []
    for path in BINDING:
        for attribute in re.findall(r"#\[pyclass(.*?)\]", rust_code(path), re.S):
            if "frozen" not in attribute:
                open_ones.append(f"{name(path)}: {attribute}")
    assert open_ones == []


def test_functions_take_few_parameters() -> None:
    crowded = []
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name != "__init__":
                count = len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
                if count > 7:
                    crowded.append(f"{name(path)}: {node.name}")
    assert crowded == []


# --- words ------------------------------------------------------------------------------------------------------


def test_every_unsafe_block_says_why() -> None:
    silent = []
    for path in RUST_SOURCE:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r"\bunsafe (\{|impl\b)", line.split("//")[0]):
                before = "\n".join(lines[max(0, number - 8) : number + 1])
                if "SAFETY" not in before:
                    silent.append(f"{name(path)}:{number + 1}")
    assert silent == []


LOOKS_LIKE_JS = re.compile(r"=>|\bfunction\b\s*\w*\s*\(|\b(const|let) \w+ =|globalThis|\breturn\b.*;")


def rust_strings(path: Path) -> Iterator[str]:
    text = rust_untested(path)
    yield from (found for _, found in re.findall(r'\br(#+)"(.*?)"\1', text, re.S))


def test_javascript_lives_in_js_files() -> None:
    inside = [name(p) for p in RUST_SOURCE for s in rust_strings(p) if s.count("\n") > 3 and LOOKS_LIKE_JS.search(s)]
    for path in PYTHON:
        tree = ast.parse(path.read_text())
        documents = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in documents else None
            if isinstance(text, str) and text.count("\n") > 3 and LOOKS_LIKE_JS.search(text):
                inside.append(f"{name(path)}:{node.lineno}")
    assert inside == []


def test_no_script_is_built_by_formatting() -> None:
    assert holding(r"(execute_script|eval|compile)\w*\([^;]{0,80}format!\(", CORE) == []


def test_every_path_in_the_architecture_exists() -> None:
    text = (ROOT / "docs/internals/architecture.md").read_text()
    prefixes = ("rust/", "jsrun/", "tests/", "docs/", "examples/", "benchmarks/", "third_party/", "release/", ".ci/")
    paths = {found for found in re.findall(r"`([\w./-]+)`", text) if found.startswith(prefixes)}
    assert paths
    assert sorted(found for found in paths if not (ROOT / found).exists()) == []


# --- tests ------------------------------------------------------------------------------------------------------


def test_tests_close_by_fixtures_not_by_finally() -> None:
    tests = sorted((ROOT / "tests").glob("*.py"))
    closing = re.compile(r"finally:\s*\n\s+(?:await )?\w*(?:rt|runtime)\w*\.a?close\(")
    assert [name(path) for path in tests if closing.search(path.read_text())] == []


def test_the_stub_agrees_with_the_native_module() -> None:
    stub = ast.parse((ROOT / "jsrun/_jsrun.pyi").read_text())
    declared = {node.name for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    from jsrun import _jsrun

    assert declared <= set(dir(_jsrun))


def test_the_package_is_typed() -> None:
    assert (ROOT / "jsrun/py.typed").exists()


def test_importing_is_cheap() -> None:
    script = "import time; s = time.perf_counter(); import jsrun; print(time.perf_counter() - s)"
    took = float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    assert took < 2
