"""Passwords from where they may be: the environment, or the output of a command; never from a file of ours."""

from __future__ import annotations

import os
import shlex
import subprocess

from advisor.errors import UsageError

_SECONDS = 30


def from_environment(variable: str, what: str) -> str:
    """Return the value of an environment variable. Raises UsageError where it is not set."""
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"The {what} should come from the environment variable {variable}, which is not set.")
    return value


def from_command(command: str | list[str], what: str) -> str:
    """Return the first line that a command prints (no shell takes part). Raises UsageError; its output is not shown."""
    words = shlex.split(command) if isinstance(command, str) else list(command)
    if not words:
        raise UsageError(f"The command for the {what} is empty.")
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be run"
        raise UsageError(f"The command for the {what} ({words[0]}) cannot be run: {reason}.") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"The command for the {what} ({words[0]}) gave nothing in {_SECONDS} s.") from error
    secret = done.stdout.partition("\n")[0].rstrip("\r")
    if done.returncode != 0 or not secret:
        why = f"ended with {done.returncode}" if done.returncode else "printed nothing"
        raise UsageError(f"The command for the {what} ({words[0]}) {why}.")
    return secret
