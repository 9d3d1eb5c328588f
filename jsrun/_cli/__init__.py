"""The command line: a file per command, and what they share."""

from .entry import main as main
