"""`jsrun repl`: what is typed or piped in, and what it shows; on a terminal, its keys too."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, call, environment, output, start

pexpect = pytest.importorskip("pexpect")


def piped(*lines: str, **options: Any) -> list[str]:
    """What the REPL shows for these lines."""
    return output("repl", stdin="".join(f"{line}\n" for line in lines), **options).splitlines()


# --- piped ------------------------------------------------------------------------------------------------------


def test_declarations_stay_and_may_come_again() -> None:
    lines = ["let a = 1", "const b = a + 1", "let a = 5; a", "class P { x = b }", "class P { y = b }", "new P", "b"]
    assert piped(*lines) == ["5", "P { y: 2 }", "2"]


def test_await_at_the_top_level() -> None:
    assert piped("const later = await Promise.resolve(20)", "later + await 1", "Promise.resolve(3)") == [
        "21",
        "Promise { 3 }",
    ]


def test_an_input_may_have_several_lines() -> None:
    lines = ["function twice(x) {", "  return `", "${x * 2}`", "}", "twice(", "21", ")", "/* open", "*/ 7"]
    assert piped(*lines) == ['"\\n42"', "7"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("class P { constructor() { this.x = 1 } }; let p = new P; p", "P { x: 1 }"),
        ("Symbol('s')", "Symbol(s)"),
        ("{a: 1, b: 2}", "{ a: 1, b: 2 }"),
        ("{ let inner = 3; inner }", "3"),
        ("'text'", '"text"'),
        ("let x = 1", None),
        ("if (true) { 5 }", "5"),
        ("1; // comment; 2", "1"),
        ("'a;b'", '"a;b"'),
        ("new Map([[1, 2]]);;", "Map(1) { 1 => 2 }"),
        ("let f = function () { return 1; }; f", "[Function: f]"),
        (".5 + 1", "1.5"),
        ("function g() {}", None),
        ("async function h() {}", None),
        ("let [d] = [1]", None),
        ("({ get x() { throw 1 } })", "{ x: [Getter] }"),
    ],
)
def test_what_is_shown(source: str, shown: str | None) -> None:
    assert piped(source) == ([] if shown is None else [shown])


def test_the_last_value_has_a_name() -> None:
    assert piped("[1, 2]", "_.length", "_ + 1", "var _ = 'mine'; 5", "_") == ["[ 1, 2 ]", "2", "3", "5", '"mine"']


def test_errors_name_the_place_that_was_typed() -> None:
    lines = [
        "null.x",
        "1; throw new Error('b')",
        "f = () => { throw new TypeError('c') }",
        "f()",
        "x = = 1",
        "f(",
    ]
    done = call("repl", stdin="".join(f"{line}\n" for line in lines))
    assert done.returncode == 1
    assert done.stdout == "[Function: f]\n"
    for said in (
        "TypeError: Cannot read properties of null (reading 'x')\n    at repl1:1:6\n",
        "Error: b\n    at repl2:1:10\n",
        "TypeError: c\n    at f (repl3:1:19)\n    at repl4:1:1\n",
        "    x = = 1\n        ^\n    at repl5:1:5\n",
        "SyntaxError: ",
    ):
        assert said in done.stderr
    assert "__jsrun_show__" not in done.stderr
    assert "undefined }" not in done.stderr


def test_rejections_and_timers_are_waited_for_and_reported() -> None:
    lines = ["Promise.reject(new Error('stray')); 1", "setTimeout(() => console.log('timer'), 20)", "await null"]
    done = call("repl", stdin="\n".join(lines))
    assert (done.returncode, done.stderr) == (1, "Uncaught Error: stray\n    at repl1:1:16\n")
    assert done.stdout.splitlines() == ["1", "1", "null", "timer"]


def test_limits_hold() -> None:
    done = call("repl", "--timeout", "0.1", "--max-heap", "16M", stdin="for (;;) {}\n'alive'\n")
    assert (done.returncode, done.stdout) == (1, '"alive"\n')
    assert "within 0.1 s" in done.stderr


def test_commands(tmp_path: Path) -> None:
    (tmp_path / "lib.js").write_text("let loaded = 'yes';\nfunction fail() { null.x }")
    lines = [".load lib.js", "loaded", ".save saved.js", ".reset", "typeof loaded", ".timeout 0.5", ".timeout off"]
    shown = piped(*lines, ".exit", "never()", cwd=tmp_path)
    assert shown == [
        '"yes"',
        "saved.js: 2 inputs",
        "the global object is new",
        '"undefined"',
        "evaluations stop after 0.5 s",
        "no timeout",
    ]
    assert (tmp_path / "saved.js").read_text().endswith("}\nloaded\n")
    assert ".load FILE" in output("repl", stdin=".help\n")


def test_commands_that_go_wrong(tmp_path: Path) -> None:
    done = call("repl", stdin=".bogus\n.load\n.load gone.js\n.timeout never\n1\n", cwd=tmp_path)
    assert done.stdout == "there is no command .bogus; .help lists them\n.load needs the name of a file\n1\n"
    assert (done.returncode, "gone.js" in done.stderr, "'never'" in done.stderr) == (1, True, True)
    (tmp_path / "bad.js").write_text("\nnull.x")
    assert "    at bad.js:2:6\n" in call("repl", stdin=".load bad.js\n", cwd=tmp_path).stderr


def test_the_rest_of_a_chain_is_no_command() -> None:
    done = call("repl", stdin="[3, 1]\n  .map((x) => x)\n")
    assert done.stdout == "[ 3, 1 ]\n"
    assert "SyntaxError: Unexpected token '.'" in done.stderr


def test_modules_are_imported_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "m.js").write_text("export const n = 42")
    assert piped("const { n } = await import('./m.js'); n", cwd=tmp_path) == ["42"]


def test_ctrl_c_ends_a_pipe() -> None:
    with start("repl") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("console.log('ready'); for (;;) {}\n")
        process.stdin.close()
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr is not None
        assert process.stderr.read() == "Interrupted\n"


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with start("repl") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("for (let i = 0;; i++) console.log(i)\n")
        process.stdin.close()
        assert (process.wait(timeout=20), process.stderr.read()) == (141, "")


# --- on a terminal ----------------------------------------------------------------------------------------------

UP, TAB, CTRL_C, CTRL_D, ALT_ENTER = "\x1b[A", "\t", "\x03", "\x04", "\x1b\r"


class Terminal:
    """A REPL on a terminal of its own."""

    def __init__(self, child: Any) -> None:
        self.child = child

    def type(self, *lines: str) -> None:
        for line in lines:
            self.child.send(f"{line}\r")

    def expect(self, pattern: str) -> str:
        """Wait for a text, colours left out of account; return what came before it."""
        plain = "".join(f"{re.escape(letter)}(?:\x1b\\[[0-9;?]*[A-Za-z])*" for letter in pattern)
        self.child.expect(plain)
        return str(self.child.before)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    pytest.importorskip("prompt_toolkit")
    env = environment(TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", XDG_STATE_HOME=str(tmp_path / "state"))
    size = {"dimensions": (40, 100), "encoding": "utf-8", "timeout": 20}
    with pexpect.spawn(sys.executable, [*COMMAND[1:], "repl"], env=env, cwd=tmp_path, **size) as child:
        repl = Terminal(child)
        repl.expect(".help tells more")
        yield repl
        child.send(CTRL_C + CTRL_D)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0


def test_values_are_coloured(terminal: Terminal) -> None:
    terminal.type("[21 * 2, 'te' + 'xt', null]")
    terminal.child.expect('33m42\x1b.*32m"text"\x1b.*36;1mnull')
    terminal.type("null.x")
    terminal.child.expect("31;1mTypeError")
    terminal.expect("at repl2:1:6")


def test_enter_goes_on_while_the_input_is_unfinished(terminal: Terminal) -> None:
    terminal.type("function twice(x) {", "return x * 2", "}", "'is ' + twice(21)")
    terminal.expect('"is 42"')


def test_ctrl_c_stops_an_evaluation_and_drops_an_input(terminal: Terminal) -> None:
    terminal.type("console.log('st' + 'arted'); for (;;) {}")
    terminal.expect("started")
    terminal.child.send(CTRL_C)
    terminal.expect("Interrupted")
    terminal.child.send("nonsense(" + CTRL_C)
    terminal.type("'al' + 'ive'")
    terminal.expect('"alive"')
    terminal.type("await new Promise((r) => { globalThis.r = r; console.log('wait' + 'ing') })")
    terminal.expect("waiting")
    terminal.child.send(CTRL_C)
    terminal.expect("Interrupted")


def test_completion_reads_the_live_global_object(terminal: Terminal) -> None:
    terminal.type("const lexical = {deepProperty: {inner: 'fo' + 'und'}, get trap() { throw globalThis.ran = 1 }}")
    for typed, completed in (("lexi", "cal"), (".deep", "Property"), (".inn", "er")):
        terminal.child.send(typed)
        terminal.expect(typed)
        terminal.child.send(TAB)
        terminal.expect(completed)
    terminal.type("")
    terminal.expect('"found"')
    terminal.child.send(f"lexical.trap.{TAB}")
    terminal.expect("lexical.trap.")
    terminal.child.send(f"{TAB}{CTRL_C}")
    terminal.type("'ran' in globalThis ? 'getter' : 'no ' + 'getter'")
    terminal.expect('"no getter"')
    terminal.child.send(f"structuredC{TAB}")
    terminal.expect("lone")
    terminal.type("('clo' + 'ned')")
    terminal.expect('"cloned"')


def test_history_is_kept_in_the_state_directory(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("['remember', 'ed'].join('')")
    terminal.expect('"remembered"')
    terminal.child.send(f"{UP}.length\r")
    terminal.child.expect("33m10")
    kept = tmp_path / "state/jsrun/history"
    assert "+['remember', 'ed'].join('')\n" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_without_a_place_for_the_history_it_works_too(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    (tmp_path / "file").touch()
    env = environment(TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1", XDG_STATE_HOME=str(tmp_path / "file"))
    with pexpect.spawn(sys.executable, [*COMMAND[1:], "repl"], env=env, encoding="utf-8", timeout=20) as child:
        child.expect("help tells more")
        child.send("'fi' + 'ne'\r")
        child.expect("fine")
        child.send(CTRL_D)
        child.expect(pexpect.EOF)


def test_a_timer_prints_above_the_prompt(terminal: Terminal) -> None:
    terminal.type("setTimeout(() => console.warn('from ' + 'the timer'), 50)")
    terminal.expect("from the timer")
    terminal.type(".timeout 0.2", "for (;;) {}")
    terminal.expect("within 0.2 s")
    terminal.type("Promise.reject(new Error('un' + 'seen')); 0")
    terminal.expect("Uncaught Error: unseen")


def test_without_the_extra_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['prompt_toolkit'] = None; from jsrun._cli import main; raise SystemExit(main())"
    with pexpect.spawn(sys.executable, ["-c", script, "repl"], env=environment(), encoding="utf-8") as child:
        child.expect(re.escape("jsrun repl needs prompt_toolkit: pip install 'jsrun[cli]'"))
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 3


def test_a_pipe_needs_no_extra() -> None:
    script = "import sys; sys.modules['prompt_toolkit'] = None; from jsrun._cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "repl"]
    done = subprocess.run(command, input="6 * 7\n", capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
