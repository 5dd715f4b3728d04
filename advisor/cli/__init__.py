"""The command line: parse, call, render, exit code; nothing else."""

from advisor.cli import gate, inspect_commands, report_commands, settings_commands
from advisor.cli.app import app, main

__all__ = ["app", "gate", "inspect_commands", "main", "report_commands", "settings_commands"]
