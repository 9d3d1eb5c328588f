"""`jsrun run`, `-c` and `-m`: what is run, what it may see, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, call, environment, output, start

SPIN = "console.log('ready'); for (;;) {}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with modules, a package beside them, and a file next to the folder."""
    home = tmp_path / "project"
    for name, text in {
        "../outside.js": "export default 'secret'",
        "lib/twice.js": "export const twice = (x) => x * 2",
        "main.js": "import {twice} from './lib/twice.js'; import pkg from 'pkg'; export default [pkg, twice(21)]",
        "escapes.js": "import '../outside.js'",
        "script.js": "const {twice} = await import('./lib/twice.js'); // import\n[args, twice(4)]",
        "fails.js": "function inner() { null.x }\n\ninner()",
        "node_modules/pkg/package.json": '{"exports": {".": {"require": "./no.js", "import": "./yes.js"}}}',
        "node_modules/pkg/yes.js": "import inner from 'pkg2/deep.js'; export default `pkg ${inner}`",
        "node_modules/pkg2/deep.js": "export default 'two'",
    }.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


# --- what is run ------------------------------------------------------------------------------------------------


def test_code_prints_its_value() -> None:
    assert output("-c", "await Promise.resolve('text, as it is')") == "text, as it is\n"


def test_a_module_imports_files_and_packages(project: Path) -> None:
    assert json.loads(output("run", "main.js", cwd=project)) == ["pkg two", 42]
    assert json.loads(output("run", project / "main.js")) == ["pkg two", 42]


def test_a_script_that_mentions_import_is_a_script(project: Path) -> None:
    assert json.loads(output("run", "script.js", "--json", "-x", cwd=project)) == [["--json", "-x"], 8]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("by_content.js", "export default this === undefined"),
        ("by_content.js", "#!/usr/bin/env jsrun\nimport.meta.url; export default true"),
        ("by_ending.mjs", "'use ' + 'module'; if (this !== undefined) throw 1; args"),
        ("by_ending.cjs", "this === globalThis"),
        ("plain.js", "\ufeffvar export_ = this === globalThis; export_"),
    ],
)
def test_script_or_module(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert output("run", name, cwd=tmp_path) == ("" if name.endswith(".mjs") else "true\n")


def test_the_kind_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("this === undefined")
    assert output("run", "--script", "a.js", cwd=tmp_path) == "false\n"
    (tmp_path / "a.js").write_text("if (this !== undefined) throw this; console.log(import.meta.main)")
    assert output("run", "--module", "a.js", cwd=tmp_path) == "true\n"


def test_standard_input_is_a_program(project: Path) -> None:
    assert output("run", "-", "a", stdin="args[0] + 1") == "a1\n"
    source = "import {twice} from './lib/twice.js'; export default twice(args.length)"
    assert output("run", "-", "a", "b", cwd=project, stdin=source) == "4\n"


def test_a_specifier_is_a_file_or_a_package(project: Path) -> None:
    assert output("-m", "pkg", cwd=project) == "pkg two\n"
    assert json.loads(output("-m", "./main.js", cwd=project)) == ["pkg two", 42]


def test_it_lasts_until_the_last_timer(project: Path) -> None:
    code = """
        const tick = setInterval(() => { console.log('tick'); clearInterval(tick) }, 5);
        setTimeout(async () => { await null; await null; setTimeout(() => console.log('last'), 5) }, 20);
        setTimeout(() => import('./lib/twice.js').then(() => setTimeout(() => console.log('module'), 5)), 60);
        clearTimeout(setTimeout(() => console.log('never'), 10));
    """
    assert output("-q", "-c", code, cwd=project) == "tick\nlast\nmodule\n"


# --- what it may see --------------------------------------------------------------------------------------------


def test_nothing_outside_the_folder_is_read(project: Path) -> None:
    done = call("run", "escapes.js", cwd=project)
    assert done.returncode == 1
    assert "outside" in done.stderr
    (project / "link.js").symlink_to("../outside.js")
    assert call("-m", "./link.js", cwd=project).returncode == 1
    for specifier in ("./%2e%2e/outside.js", f"file://{project.parent}/outside.js", "./../outside.js"):
        assert call("-c", f"await import('{specifier}')", cwd=project).returncode == 1


def test_a_wider_folder_can_be_allowed(project: Path) -> None:
    assert output("run", "--allow-import", "..", "escapes.js", cwd=project) == ""


def test_the_environment_is_what_was_allowed() -> None:
    shown = environment(SHOWN="1", HIDDEN="2")
    assert json.loads(output("--allow-env", "SHOWN,GONE", "-c", "env", env=shown)) == {"SHOWN": "1"}
    assert (
        output("-c", "typeof env + typeof process + typeof require + typeof Deno", env=shown) == "undefined" * 4 + "\n"
    )


def test_what_follows_the_program_is_the_programs(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("args")
    rest = ["-c", "--json", "--", "-m", "--help", ""]
    for arguments in (["-c", "args"], ["run", "a.js"], ["run", "--quiet", "--timeout", "9", "-"]):
        expected = "" if "--quiet" in arguments else json.dumps(rest, indent=2) + "\n"
        assert output(*arguments, *rest, cwd=tmp_path) == expected


def test_programs_may_break_what_they_find() -> None:
    assert output("-c", "Promise = null; setTimeout = 1; console = null; Object.keys = 2; 'fine'") == "fine\n"


def test_args_is_a_name_that_programs_may_use() -> None:
    assert output("-c", "const args = 5; args", "a") == "5\n"


# --- what it prints ---------------------------------------------------------------------------------------------

VALUES = {
    "undefined": "undefined",
    "null": None,
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "10n": 10,
    "2n ** 64n": "18446744073709551616",
    "new Uint8Array([1, 2])": "AQI=",
    "new Float64Array([0.5, NaN])": [0.5, "NaN"],
    "new Map([['a', 1n]])": {"a": 1},
    "new Map([[1, 'a'], [{}, 2]])": [[1, "a"], [{}, 2]],
    "new Set(['b', 'a'])": ["a", "b"],
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "(function named() {})": "[Function: named]",
    "() => 1": "[Function]",
    "/a+/g": "/a+/g",
    "Promise.resolve(1)": "[Promise]",
}


def test_values_without_json_form_have_a_text_form() -> None:
    code = f"[{', '.join(VALUES)}]"
    assert json.loads(output("--json", "-c", code)) == {"ok": True, "value": list(VALUES.values())}
    assert json.loads(output("-c", code)) == list(VALUES.values())


def test_cycles_are_cut() -> None:
    code = "const shared = {}; const all = {shared: [shared, shared]}; all.self = all; all"
    assert json.loads(output("-c", code)) == {"shared": [{}, {}], "self": "[Circular]"}


def test_a_lone_surrogate_is_printed() -> None:
    assert output("-c", "'\\ud83d!'") == "\\ud83d!\n"
    assert json.loads(output("--json", "-c", "'\\ud83d!'"))["value"] == "\ud83d!"


def test_undefined_and_quiet_results_print_nothing() -> None:
    assert output("-c", "undefined") == ""
    assert output("--quiet", "-c", "1") == ""


def test_the_console_goes_to_both_streams() -> None:
    done = call("-c", "console.log('out'); console.error('err'); 'value'")
    assert (done.stdout, done.stderr) == ("out\nvalue\n", "err\n")


def test_json_has_standard_output_for_itself() -> None:
    done = call("--json", "-c", "console.log('out'); 5")
    assert (json.loads(done.stdout), done.stderr) == ({"ok": True, "value": 5}, "out\n")


def test_no_message_is_lost() -> None:
    lines = output("-c", "for (let i = 0; i < 20000; i++) console.log(i)").splitlines()
    assert lines == [str(number) for number in range(20_000)]


# --- how it ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-c", "null.x"], 1, "TypeError: Cannot read properties of null (reading 'x')\n    at <code>:1:6\n"),
        (
            ["-c", "let x = ="],
            1,
            "SyntaxError: Unexpected token '='\n    let x = =\n            ^\n    at <code>:1:9\n",
        ),
        (["-c", "throw {a: [1]}"], 1, 'Uncaught {"a": [1]}\n'),
        (["-c", "throw new Error('a', {cause: new TypeError('b')})"], 1, "Caused by: TypeError: b\n"),
        (["-c", "Symbol('s')"], 1, "ConversionError: $: a symbol cannot leave JavaScript\n"),
        (["-c", "await new Promise(() => {})"], 1, "DeadlockError: "),
        (["-c", "Promise.reject(new Error('stray')); 1"], 1, "Uncaught Error: stray\n    at <code>:1:16\n"),
        (["-c", "setTimeout(() => { throw new Error('late') })"], 1, "Uncaught Error: late\n    at <code>:1:26\n"),
        (["-m", "nothing"], 1, "no package or file for it"),
        (["--timeout", "0.1", "-c", "for (;;) {}"], 124, "Timeout: the program did not end within 0.1 s\n"),
        (["--timeout", "0.1", "-c", "setInterval(() => 0, 1)"], 124, "Timeout: "),
        (["--timeout", "0.1", "-c", "setTimeout(() => { for (;;) {} })"], 124, "Timeout: "),
        (["--max-heap", "16M", "-c", "let a = []; for (;;) a.push(Array(999).fill(.5))"], 137, "Heap limit: "),
        (["run", "no/such/file.js"], 2, "no/such/file.js"),
        (["--snapshot", "no/such/file", "-c", "1"], 2, "no/such/file"),
        ([], 2, "name a command"),
        (["-c"], 2, "name a command"),
        (["bogus"], 2, "bogus"),
        (["--timeout", "0", "-c", "1"], 2, "positive number"),
        (["--timeout", "nan", "-c", "1"], 2, "positive number"),
        (["--max-heap", "12Q", "-c", "1"], 2, "64M"),
        (["--max-heap", "1K", "-c", "1"], 2, "at least 4194304"),
        (["--allow-import", "no/such", "-c", "1"], 2, "no folder"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, says: str) -> None:
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["-c", "null.x"], 1, {"type": "JavaScriptError", "name": "TypeError"}),
        (["-c", "throw {a: 1}"], 1, {"type": "JavaScriptError", "name": None, "value": {"a": 1}}),
        (["-c", "Promise.reject(new RangeError('stray'))"], 1, {"name": "RangeError", "message": "stray"}),
        (["-c", "Promise.reject(new RangeError('stray')); 5"], 1, {"name": "RangeError", "message": "stray"}),
        (["--timeout", "0.1", "-c", "for (;;) {}"], 124, {"type": "JavaScriptTimeout", "stack": None, "frames": []}),
    ],
)
def test_errors_as_json(arguments: list[str], code: int, error: dict[str, object]) -> None:
    done = call("--json", *arguments)
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"], document["exit_code"], done.stderr) == (code, False, code, "")
    assert {name: document["error"][name] for name in error} == error
    assert {"type", "name", "message", "stack", "frames"} <= document["error"].keys()


def test_an_error_names_its_place(project: Path) -> None:
    done = call("run", "fails.js", cwd=project)
    assert "    at inner (fails.js:1:25)\n    at fails.js:3:1\n" in done.stderr
    frames = json.loads(call("run", "--json", "fails.js", cwd=project).stdout)["error"]["frames"]
    assert frames[0] == {"function_name": "inner", "file_name": "fails.js", "line_number": 1, "column_number": 25}


@pytest.mark.parametrize(
    ("redirect", "code", "printed"),
    [("<&-", 0, "2\n"), (">&-", 0, ""), ("2>&-", 0, "2\n"), ("<&- >&- 2>&-", 0, "")],
)
def test_closed_streams_do_no_harm(redirect: str, code: int, printed: str) -> None:
    source = "console.log; console.error('e'); 2" if "2>" in redirect else "2"
    script = f'{shlex.join(COMMAND)} -c "{source}" {redirect} && {shlex.join(COMMAND)} run - {redirect}'
    done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (code, printed, "")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_bytes(b"let a = '\xff'")
    done = call("run", "a.js", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a.js is not UTF-8 text: invalid start byte at byte 9" in done.stderr
    assert call("run", ".", cwd=tmp_path).returncode == 2


def test_ctrl_c_ends_it() -> None:
    with start("-c", SPIN) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "Interrupted\n")


def test_ctrl_c_ends_a_program_that_waits() -> None:
    with start("--json", "-c", "console.error('ready'); setInterval(() => {}, 1000)") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=20)
    assert (process.returncode, errors, json.loads(text)["exit_code"]) == (130, "", 130)


@pytest.mark.parametrize("code", ["for (let i = 0;; i++) console.log(i)", "Array.from({length: 1e5}, (_, i) => i)"])
def test_a_reader_that_leaves_ends_it_quietly(code: str) -> None:
    with start("-c", code, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 141


def test_without_a_reader_of_the_result_it_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with start("-c", "1", stdout=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert (process.wait(timeout=20), process.stderr.read()) == (141, "")


def test_the_version_and_the_help() -> None:
    assert output("--version").startswith("jsrun ")
    assert "run a script or a module" in output("--help")
    assert "standard input" in output("run", "--help")
