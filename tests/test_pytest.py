"""The pytest plugin: a runtime per test, its options, and what makes a test fail."""

from __future__ import annotations

import re
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

INSTALLED = any(point.value == "jsrun.pytest" for point in entry_points(group="pytest11"))


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    """Run pytest on a test file, with the plugin and without what this test run has of its own."""
    pytester.makepyfile(textwrap.dedent(source))
    plugin = [] if INSTALLED else ["-p", "jsrun.pytest"]
    return pytester.runpytest(*plugin, "-p", "no:cacheprovider", "--strict-markers", *arguments)


def test_each_test_has_a_runtime_of_its_own(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        seen = []

        def test_one(js_runtime):
            js_runtime.eval("globalThis.x = 1")
            seen.append(js_runtime)

        def test_two(js_runtime):
            assert js_runtime.eval("typeof x") == "undefined"
            assert seen[0].is_closed()
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_marker_has_options_and_the_closest_wins(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import jsrun, pytest

        pytestmark = pytest.mark.js_runtime(timeout=0.05, bootstrap="globalThis.x = 1")

        def test_module(js_runtime):
            with pytest.raises(jsrun.JavaScriptTimeout, match="0.05"):
                js_runtime.eval("for (;;) {}")

        @pytest.mark.js_runtime(timeout=0.1)
        def test_function(js_runtime):
            with pytest.raises(jsrun.JavaScriptTimeout, match="0.1"):
                js_runtime.eval("for (;;) {}")
            assert js_runtime.eval("x") == 1
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("options", ["timout=1", "1"])
def test_a_wrong_option_is_named(pytester: pytest.Pytester, options: str) -> None:
    result = run(
        pytester,
        f"""
        import pytest

        @pytest.mark.js_runtime({options})
        def test_it(js_runtime):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the marker js_runtime *"])


@pytest.mark.parametrize("value", ["() => 1", "({deep: [Promise.resolve(1)]})", "(class A {})"])
def test_a_handle_that_stays_fails_the_test(pytester: pytest.Pytester, value: str) -> None:
    result = run(
        pytester,
        f"""
        kept = []

        def test_leaks(js_runtime):
            kept.append(js_runtime.eval({value!r}))

        def test_goes_on(js_runtime):
            pass
        """,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_leaks*", "1 JavaScript object is still held from Python*"])


def test_handles_that_are_let_go_of_are_no_leak(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        kept = []

        @pytest.fixture
        def twice(js_runtime):
            function = js_runtime.eval("(x) => x * 2")
            yield function
            function.close()

        def test_local(js_runtime):
            function = js_runtime.eval("(x) => x")
            cycle = [function]
            cycle.append(cycle)

        def test_fixture(twice):
            assert twice(2) == 4

        def test_closed(js_runtime):
            kept.append(js_runtime.eval("() => 1"))
            kept[-1].close()

        def test_closed_runtime(js_runtime):
            kept.append(js_runtime.eval("() => 1"))
            js_runtime.close()

        def test_terminated_runtime(js_runtime):
            kept.append(js_runtime.eval("() => 1"))
            js_runtime.terminate()

        @pytest.mark.js_runtime(allow_leaks=True)
        def test_allowed(js_runtime):
            kept.append(js_runtime.eval("() => 1"))
        """,
    )
    result.assert_outcomes(passed=6)


def test_a_failed_test_is_not_blamed_for_what_its_traceback_keeps(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_fails(js_runtime):
            function = js_runtime.eval("() => 1")
            assert function() == 2

        def test_leaks(js_runtime):
            globals()["kept"] = js_runtime.eval("() => 1")
        """,
    )
    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_leaks*"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("Promise.reject(new TypeError('stray')); 1", "TypeError: stray"),
        (
            "setTimeout(() => { throw new RangeError('late') }); await new Promise((r) => setTimeout(r, 5))",
            "RangeError: late",
        ),
        ("queueMicrotask(() => Promise.reject('text')); 1", "Uncaught text"),
    ],
)
def test_an_unhandled_error_fails_the_test(pytester: pytest.Pytester, code: str, said: str) -> None:
    result = run(
        pytester,
        f"""
        import pytest

        def test_stray(js_runtime):
            js_runtime.eval({code!r})

        @pytest.mark.js_runtime(allow_rejections=True)
        def test_allowed(js_runtime):
            js_runtime.eval({code!r})

        heard = []

        @pytest.mark.js_runtime(on_unhandled_rejection=heard.append)
        def test_heard(js_runtime):
            js_runtime.eval({code!r})
            assert len(heard) == 1
        """,
    )
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_stray*", "nothing handled these *", said])


def test_a_rejection_that_is_handled_is_none(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import jsrun, pytest

        def test_handled(js_runtime):
            assert js_runtime.eval("Promise.reject(1).catch((error) => error + 1)") == 2
            with pytest.raises(jsrun.JavaScriptError):
                js_runtime.eval("Promise.reject(new Error('mine'))")
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_console_is_in_the_report(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_fails(js_runtime):
            js_runtime.eval("console.log('seen', [1])")
            assert False
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Captured stdout call*", "seen [[] 1 ]"])


def test_coroutine_tests_may_await_it(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio

        def test_awaits(js_runtime):
            async def main():
                return await asyncio.gather(*(js_runtime.eval_async(f"Promise.resolve({n})") for n in range(3)))

            assert asyncio.run(main()) == [0, 1, 2]
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_marker_is_listed(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.js_runtime(*"])


PAGE = Path(__file__).parent.parent / "docs/guides/testing-with-pytest.md"


@pytest.mark.skipif(not PAGE.exists(), reason="runs in a checkout only")
def test_the_examples_of_the_page_pass(pytester: pytest.Pytester) -> None:
    source = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    run(pytester, source).assert_outcomes(passed=source.count("def test_"))
