"""The Typer application, and `run`, where every error becomes one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import psycopg
import typer

from advisor import __version__
from advisor.errors import AdvisorError

app = typer.Typer(
    name="pgadvise",
    help="What to change on a PostgreSQL server, in order of what it wins, with proof, SQL to run and SQL to undo it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Shells report a process ended by Ctrl-C as 128 + SIGINT.
_INTERRUPTED = 130


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"pgadvise {__version__}")
        raise typer.Exit


@app.callback()
def _before_the_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def _complain(message: str, hint: str | None = None) -> None:
    sys.stderr.write(f"pgadvise: {message}\n")
    if hint:
        sys.stderr.write(f"  {hint}\n")


def run() -> None:
    """Run the command line and leave with 0, 1 (findings), 2 (usage) or 3 (could not do the job)."""
    try:
        app()
    except AdvisorError as error:
        _complain(error.message, error.hint)
        code = error.exit_code
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        _complain(f"The server closed the connection: {reason}.", "Try again.")
        code = 3
    except KeyboardInterrupt:
        _complain("Interrupted. Nothing was changed and nothing is left on the server.")
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe (head, less) is gone; writing at exit would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 (the last line of defence: a bug is one sentence, not a traceback)
        if os.environ.get("PGADVISE_DEBUG"):
            traceback.print_exc()
        reason = (str(error).splitlines() or [""])[0]
        _complain(
            f"A bug in pgadvise {__version__}: {type(error).__name__}: {reason}",
            "Set PGADVISE_DEBUG=1 for the details, and please report it.",
        )
        code = 3
    else:
        code = 0
    sys.exit(code)
