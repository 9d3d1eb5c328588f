"""The IPython magics: values both ways, redeclaration, errors, and going away again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jsrun

pytest.importorskip("IPython")
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

Run = Callable[[str], Any]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension, of this test alone."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "jsrun.ipython")
    yield shell
    shell.run_line_magic("unload_ext", "jsrun.ipython")
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    """Runs a cell; gives its value or raises its error."""

    def run(cell: str) -> Any:
        result = shell.run_cell(cell)
        result.raise_error()
        return result.result

    return run


def test_a_line_and_a_cell_have_values(run: Run) -> None:
    assert run("%js [1, {a: 2}]") == [1, {"a": 2}]
    assert run("%%js\nconst later = await Promise.resolve(20)\nlater + 1") == 21
    assert run("value = %js later * 2\nvalue + 1") == 41
    assert run("%js Promise.resolve('driven')") == "driven"
    assert run("%js undefined") is None


def test_cells_may_be_run_again(run: Run) -> None:
    cell = "%%js\nlet x = 1; const y = x + 1; class P { n = y }\nnew P().n"
    assert [run(cell), run(cell), run("%js y")] == [2, 2, 2]


def test_variables_go_in_and_the_result_comes_out(run: Run, shell: InteractiveShell) -> None:
    run("x, y, twice = [1, 2], {'k': 3}, lambda n: n * 2")
    assert run("%%js -i x,y -i twice -o result\n[x, y.k, twice(21)]") is None
    assert shell.user_ns["result"] == [[1, 2], 3, 42]


def test_async_functions_may_be_passed(run: Run) -> None:
    run("import asyncio\nasync def later(n):\n    await asyncio.sleep(0)\n    return n + 1")
    assert run("%%js -i later\nawait later(41)") == 42


def test_braces_and_dollars_are_javascripts(run: Run) -> None:
    run("a = 'python'")
    assert run("%js ({a: `${'java'}script`, $a: 1, $: '{a}'})") == {"a": "javascript", "$a": 1, "$": "{a}"}


def test_console_output_appears(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("%%js\nconsole.log('hello', [1]); undefined")
    assert capsys.readouterr().out == "hello [ 1 ]\n"


def test_errors_name_the_cell(run: Run, shell: InteractiveShell) -> None:
    shell.execution_count = 7
    with pytest.raises(jsrun.JavaScriptError, match="Cannot read") as caught:
        run("%%js\nfunction f() {\n  null.x\n}\nf()")
    assert [(frame["file_name"], frame["line_number"]) for frame in caught.value.frames] == [("In[7]", 2), ("In[7]", 4)]
    for unfinished in ("f(", "let = = 1", "'open"):
        with pytest.raises(jsrun.JavaScriptError) as caught:
            run(f"%%js\n{unfinished}")
        assert caught.value.name == "SyntaxError"
        assert "undefined }" not in str(caught.value)


def test_a_timeout_stops_a_cell(run: Run) -> None:
    with pytest.raises(jsrun.JavaScriptTimeout):
        run("%%js --timeout 0.1\nfor (;;) {}")
    assert run("%js 'usable'") == "usable"


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%js -i nothing\n1", "nothing"),
        ("%%js -i 1x\n1", "1x"),
        ("%%js -o 1x\n1", "1x"),
        ("%%js --bogus\n1", "bogus"),
        ("%%js -t soon\n1", "soon"),
    ],
)
def test_wrong_options_are_named(run: Run, cell: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(cell)


def test_a_variable_that_javascript_hides_is_refused(run: Run) -> None:
    run("n = 1")
    run("%js const n = 2")
    with pytest.raises(UsageError, match="declared in JavaScript"):
        run("%%js -i n\nn")
    assert run("%%js --reset -i n\nn") == 1


def test_unloading_puts_back_what_was_there(shell: InteractiveShell) -> None:
    ours = shell.find_cell_magic("js")
    shell.run_line_magic("unload_ext", "jsrun.ipython")
    assert shell.find_line_magic("js") is None
    assert shell.find_cell_magic("js") not in {None, ours}
    shell.run_line_magic("load_ext", "jsrun.ipython")
    assert shell.run_cell("%js 1 + 1").result == 2


def test_without_ipython_the_extension_can_be_imported() -> None:
    import jsrun.ipython

    assert callable(jsrun.ipython.load_ipython_extension)


PAGE = Path(__file__).parent.parent / "docs/guides/ipython.md"


@pytest.mark.skipif(not PAGE.exists(), reason="runs in a checkout only")
def test_the_cells_of_the_page_give_what_it_says(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    cells = re.findall(r"^```ipython\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?", text, re.M | re.S)
    assert len(cells) > 3
    # The shell of the test has the extension already.
    for cell, said in cells[1:]:
        value = run(cell.rstrip("\n"))
        printed = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith("Out[")]
        assert [*printed, *([] if value is None else [repr(value)])] == said.splitlines()
