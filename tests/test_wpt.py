"""The runner of web-platform-tests, on a tree of its own with a harness of a few lines: what `nox -s wpt` relies on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent / "wpt"

HARNESS = """
const [heard, ended] = [[], []];
let count = 0, status = 0;
const setup = () => {};
const add_result_callback = (callback) => heard.push(callback);
const add_completion_callback = (callback) => ended.push(callback);
const tell = (name, status, message) => heard.forEach((callback) => callback({name, status, message}));
let jobs = [];
function promise_test(run, name) {
  jobs.push(Promise.resolve().then(run).then(() => tell(name, 0, null), (error) => tell(name, 1, `${error}`)));
}
function done() { Promise.all(jobs).then(() => ended.forEach((callback) => callback([], {status: 0, message: null}))) }
"""

FILES = {
    "resources/testharness.js": HARNESS,
    "dom/abort/resources/more.js": "const more = 'from a script';",
    "dom/abort/data.json": '{"a": 1}',
    "dom/abort/a.any.js": (
        "// META: script=resources/more.js\n// META: variant=?1\n// META: variant=?2\n"
        "promise_test(async () => { if (more !== 'from a script') throw 1 }, 'scripts');\n"
        "promise_test(async () => { if ((await (await fetch('data.json')).json()).a !== 1) throw 1 }, 'files');\n"
        "promise_test(async () => { if (location.search !== '?1') throw new Error(location.search) }, 'variants');\n"
    ),
    "dom/abort/broken.any.js": "promise_test(() => {}, 'before'); throw new RangeError('broken');",
    "dom/abort/endless.any.js": "promise_test(() => new Promise(() => {}), 'never');",
    "dom/abort/no-test.js": "throw 1",
}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The runner's modules, which are scripts beside each other."""
    monkeypatch.syspath_prepend(str(HERE))
    names = ("carrier", "suite", "expected", "running")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return {name: importlib.import_module(name) for name in names}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_cases_run_to_their_results(runner: dict[str, ModuleType], tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner["running"], "SHORT", 1.0)
    found = {}
    for case in runner["suite"].cases(tree, "abort"):
        outcome = runner["running"].run(tree, case)
        found[case.name] = (outcome.status, sorted((name, status) for name, status, _ in outcome.results))
    sound = [("files", "PASS"), ("scripts", "PASS")]
    broken = found.pop("dom/abort/broken.any.js")
    assert broken[0] == "ERROR"
    assert found == {
        "dom/abort/a.any.js?1": ("OK", [*sound, ("variants", "PASS")]),
        "dom/abort/a.any.js?2": ("OK", [*sound, ("variants", "FAIL")]),
        "dom/abort/endless.any.js": ("TIMEOUT", []),
    }


def test_where_scripts_are(runner: dict[str, ModuleType]) -> None:
    located = runner["suite"].located
    assert located("url/a.any.js", "resources/x.js") == "url/resources/x.js"
    assert located("url/a.any.js", "../common/x.js") == "common/x.js"
    assert located("url/a.any.js", "/resources/WebIDLParser.js") == "resources/webidl2/lib/webidl2.js"


def test_what_got_worse_is_told(runner: dict[str, ModuleType]) -> None:
    news = runner["expected"].News()
    news.compare("a", ["old"], ["old"], {"old", "new"})
    assert (news.worse, news.better) == ([], [])
    news.compare("a", ["new"], ["old", "gone"], {"old", "new"})
    assert (news.worse, news.better) == (["a: new"], ["a: old"])
    outcome = runner["running"].Outcome(
        "TIMEOUT", None, [("x", "FAIL", None), ("x", "PASS", None), ("y", "PASS", None)]
    )
    assert runner["expected"].failed(outcome) == [runner["expected"].WHOLE, "x"]


def test_every_known_failure_has_a_reason(runner: dict[str, ModuleType]) -> None:
    expected = runner["expected"]
    known = expected.load()
    assert known
    assert [case for case in known if expected.reason(case) is None] == []


def test_another_archive_is_refused(runner: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / runner["carrier"].ARCHIVE).write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="checksum"):
        runner["carrier"].fetch(tmp_path)
