"""The command line: parse, call, render, exit code; nothing else."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Loading the commands takes part of a second: Ctrl-C in it is no traceback either."""
    try:
        if sys.argv[1:2] == ["gate"]:  # a pre-commit hook: it needs none of the others
            _run_the_gate()
            return
        from advisor.cli import (
            capacity,
            gate,
            history_commands,
            inspect_commands,
            prove,
            report_commands,
            settings_commands,
            upgrade,
        )
        from advisor.cli.app import run
    except KeyboardInterrupt:
        sys.exit(130)
    commands = (capacity, gate, history_commands, inspect_commands, prove, report_commands, settings_commands, upgrade)
    assert all(commands), "importing them registers the commands"
    run()


def _run_the_gate() -> None:
    from advisor.cli import gate
    from advisor.cli.app import run

    assert gate, "importing it registers the command"
    run()


__all__ = ["main"]
