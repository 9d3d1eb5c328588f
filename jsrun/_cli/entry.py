"""From arguments to an exit code: which command is meant, and how it ended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from jsrun import JavaScriptError, JsrunError, __version__

from . import run
from .console import discard_output, prepare_streams
from .error_text import error_text
from .exit_codes import BROKEN_PIPE, INTERRUPTED, MISSING, USAGE, of_error
from .limits import add_limits

COMMANDS = {
    "run": "run a script or a module",
    "repl": "type JavaScript and see what it gives",
    "snapshot": "run scripts once, and write the heap they leave to a file",
    "inspect": "run a script or a module under a debugger",
    "doctor": "tell what is installed, whether it works, and what is missing",
    "bench": "measure the common operations on this machine",
    "playground": "serve a web page where visitors run JavaScript in isolates of their own",
}
# The extra that a package belongs to.
_EXTRA = {
    "prompt_toolkit": "cli",
    "pygments": "cli",
    "rich": "cli",
    "starlette": "playground",
    "uvicorn": "playground",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Args:
        argv: the arguments; those of the process when ``None``.
    """
    prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except (JsrunError, JavaScriptError) as error:
        print(error_text(error), file=sys.stderr)
        return of_error(error)
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name not in _EXTRA:
            raise
        print(f"jsrun {arguments[0]} needs {name}: pip install 'jsrun[{_EXTRA[name]}]'", file=sys.stderr)
        return MISSING
    except (OSError, ValueError) as error:
        print(f"jsrun: {error}", file=sys.stderr)
        return USAGE
    return code


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        command = import_module(f".{arguments[0]}", __package__)
        what = COMMANDS[arguments[0]]
        parser = argparse.ArgumentParser(
            f"jsrun {arguments[0]}", description=f"{what[0].upper()}{what[1:]}.", allow_abbrev=False
        )
        command.configure(parser)
        code: int = command.run(parser.parse_args(arguments[1:]))
        return code
    parser = _direct_parser()
    # What follows the program is the program's, whatever it looks like.
    start = next((number for number, text in enumerate(arguments) if text in {"-c", "-m"}), len(arguments))
    given, program = parser.parse_args(arguments[:start]), arguments[start:]
    if len(program) > 1:
        return run.run_code(given, *program[1:]) if program[0] == "-c" else run.run_specifier(given, *program[1:])
    return parser.error(f"name a command ({', '.join(COMMANDS)}), or -c CODE, or -m SPECIFIER")


def _direct_parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "jsrun",
        usage="jsrun COMMAND ... | jsrun [options] -c CODE [args ...] | jsrun [options] -m SPECIFIER [args ...]",
        description="JavaScript on V8, from a shell.",
        epilog=f"commands:\n{commands}\n\n`jsrun COMMAND --help` tells the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"jsrun {__version__}")
    parser.add_argument("-c", metavar="CODE", help="run this code; what follows is `args`")
    parser.add_argument("-m", metavar="SPECIFIER", help="run this module; what follows is `args`")
    run.add_result_options(parser)
    add_limits(parser)
    return parser
