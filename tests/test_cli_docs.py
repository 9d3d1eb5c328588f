"""docs/guides/command-line.md: its commands are run, and its exit codes are those of the program."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, environment

from jsrun._cli import entry, exit_codes

PAGE = Path(__file__).parent.parent / "docs/guides/command-line.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="runs in a checkout only")

FILE = re.compile(r"^```js\n// (\S+)\n(.*?)^```$", re.M | re.S)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def sessions() -> list[tuple[str, str]]:
    """Each command of the page, and what it says it prints."""
    blocks = CONSOLE.findall(PAGE.read_text(encoding="utf-8"))
    pairs = [piece.partition("\n") for block in blocks for piece in re.split(r"(?m)^\$ ", block)[1:]]
    return [(command, printed) for command, _, printed in pairs]


@pytest.mark.parametrize(("command", "printed"), sessions())
def test_the_commands_print_what_the_page_says(tmp_path: Path, command: str, printed: str) -> None:
    for name, source in FILE.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    script = f'exec 2>&1\njsrun() {{ {shlex.join(COMMAND)} "$@"; }}\n{command}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=50
    )
    assert done.stdout == printed


def test_the_exit_codes_are_those_of_the_program() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Exit codes")[1].split("\n## ")[0]
    told = [int(code) for code in re.findall(r"(?m)^\| (\d+) \|", section)]
    assert told == sorted(value for name, value in vars(exit_codes).items() if name.isupper())


def test_every_command_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in entry.COMMANDS if f"| `jsrun {name}" not in text] == []
