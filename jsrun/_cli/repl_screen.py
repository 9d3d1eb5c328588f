"""The REPL on a terminal: prompt, keys, colours, history."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.filters import has_completions, is_searching
from prompt_toolkit.formatted_text import FormattedText, PygmentsTokens
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style
from pygments.lexers.javascript import JavascriptLexer

from jsrun import ConsoleMessage, JavaScriptError, JsrunError, __version__
from jsrun._jsrun import v8_version

from .error_text import error_text
from .exit_codes import OK
from .files import FileModules
from .repl_commands import Leave, is_command, run_command
from .repl_completion import NameCompleter
from .repl_session import Session

_STYLE = Style.from_dict(
    {
        "prompt": "ansigreen bold",
        "more": "ansibrightblack",
        "quiet": "ansibrightblack",
        "error": "ansired bold",
        "place": "ansibrightblack",
        "warning": "ansiyellow",
        "pygments.literal.string": "ansigreen",
        "pygments.literal.number": "ansiyellow",
        "pygments.keyword": "ansicyan",
        "pygments.operator": "ansidefault",
        "pygments.operator.word": "ansicyan",
        "pygments.comment": "ansibrightblack",
        "pygments.name.builtin": "ansicyan",
        "pygments.name.exception": "ansired",
    }
)


def history_file() -> Path:
    """Return where the history is kept: in the user's state directory."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The standard has relative paths ignored.
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "jsrun" / "history"


async def run_on_terminal(given: argparse.Namespace, files: FileModules) -> int:
    """Read, evaluate and print until the user leaves; return the exit code."""
    session = Session(given, files, _console, _rejection)
    try:
        await _talk(session)
    finally:
        session.close()
    return OK


async def _talk(session: Session) -> None:
    prompt: PromptSession[str] = PromptSession(
        history=_history(),
        lexer=PygmentsLexer(JavascriptLexer),
        completer=NameCompleter(session),
        complete_while_typing=False,
        complete_in_thread=True,
        key_bindings=_keys(session),
        multiline=True,
        prompt_continuation=lambda width, _line, wrapped: [("class:more", (" " if wrapped else "…").ljust(width))],
        style=_STYLE,
    )
    _say("quiet", f"jsrun {__version__}, V8 {v8_version()}. .help tells more, .exit or Ctrl-D leaves.")
    with patch_stdout():
        while True:
            try:
                text = await prompt.prompt_async([("class:prompt", "> ")])
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            try:
                await _answer(text, session)
            except Leave:
                return


async def _answer(text: str, session: Session) -> None:
    """Evaluate one input, or run one command, and show what came out."""
    if not text.strip():
        return
    try:
        if is_command(text):
            said = await run_command(text, session, lambda source, name: _evaluate(source, session, name))
            if said is not None:
                _say("quiet", said)
        else:
            await _evaluate(text, session)
    except KeyboardInterrupt:
        _say("warning", "Interrupted")
    except (JavaScriptError, JsrunError) as error:
        _show_error(error)
    except (OSError, ValueError, argparse.ArgumentTypeError) as error:
        _say("error", str(error))


async def _evaluate(source: str, session: Session, name: str | None = None) -> None:
    shown = await session.evaluate(source, name)
    if shown == "undefined":
        _say("quiet", shown)
    elif shown is not None:
        tokens = PygmentsTokens(list(JavascriptLexer(stripnl=False, ensurenl=False).get_tokens(shown)))
        print_formatted_text(tokens, style=_STYLE)


def _keys(session: Session) -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~is_searching & ~has_completions)
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text
        if not is_command(text) and text.strip() and session.syntax.is_incomplete(text):
            buffer.newline(copy_margin=True)
            if text.rstrip().endswith(("{", "(", "[")):
                buffer.insert_text("  ")
        else:
            # Below the whole input, wherever the cursor stands in it.
            buffer.cursor_position = len(text)
            buffer.validate_and_handle()

    for closing in "})]":

        @keys.add(closing)
        def _close(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            line = buffer.document.current_line_before_cursor
            if line.endswith("  ") and not line.strip():
                buffer.delete_before_cursor(2)
            buffer.insert_text(event.data)

    @keys.add("enter", filter=has_completions & ~is_searching)
    def _choose(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @keys.add("escape", "enter")
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=True)

    return keys


def _history() -> History:
    try:
        path = history_file()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except (OSError, RuntimeError):
        # No home, or none that may be written to.
        return InMemoryHistory()
    return FileHistory(path)


def _console(message: ConsoleMessage) -> None:
    if message.dropped:
        _say("warning", f"[{message.dropped} console messages dropped]")
    # Not by `sys.stdout`, which would come after the values that are shown.
    _say({"warning": "warning", "error": "error"}.get(message.level, ""), message.text)


def _rejection(error: JavaScriptError) -> None:
    _show_error(error, before="Uncaught ")


def _show_error(error: BaseException, before: str = "") -> None:
    text, *rest = error_text(error).split("\n")
    lines = [("class:error", before + text), *(("class:place", f"\n{line}") for line in rest)]
    print_formatted_text(FormattedText(lines), style=_STYLE)


def _say(style: str, text: str) -> None:
    print_formatted_text(FormattedText([(f"class:{style}", text)]), style=_STYLE)
