"""The command line: parse, call, render, exit code; nothing else."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Loading the commands takes part of a second: Ctrl-C in it is no traceback either."""
    try:
        from advisor.cli import gate, inspect_commands, report_commands, settings_commands, upgrade
        from advisor.cli.app import run
    except KeyboardInterrupt:
        sys.exit(130)
    commands = (gate, inspect_commands, report_commands, settings_commands, upgrade)
    assert all(commands), "importing them registers the commands"
    run()


__all__ = ["main"]
