"""The Typer application, and `run`, where every error becomes one sentence and an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated

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

# Shells report a process ended by a signal as 128 + its number.
_SIGNALLED = 128


# Signals that asked us to end, in order of arrival.
_received: list[int] = []


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


def _open_closed_streams() -> None:
    """Give Python streams for descriptors the caller closed (`>&-`): what is written to them is not wanted."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open until the process ends)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _end_in_order() -> None:
    """Let SIGTERM (cron, systemd, CI) and SIGHUP (a closed terminal) end us as Ctrl-C does, private server included."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)

    def end(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        for other in numbers:
            # Asking twice must not disturb the cleaning up; only a second Ctrl-C may, as ever.
            signal.signal(other, signal.default_int_handler if other == signal.SIGINT else signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, end)


def _give_up_output() -> None:
    """Let the rest of standard output go nowhere: writing it at exit would fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _server_is_lost(error: Exception) -> bool:
    """Whether psycopg says so. It is loaded by whoever talks to a server, not by us."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.OperationalError)


def _run_app() -> None:
    """Run the command; whatever comes of it after a signal (libraries turn one into errors of theirs) is the signal."""
    # psycopg warns of a transaction that an interruption left without an answer; the session is closed anyway.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        app()
    except BaseException as error:
        if _received:
            raise KeyboardInterrupt from error
        raise


def run() -> None:
    """Run the command line and leave with 0, 1 (findings), 2 (usage) or 3 (could not do the job)."""
    _open_closed_streams()
    _end_in_order()
    try:
        _run_app()
    except AdvisorError as error:
        _complain(error.message, error.hint)
        code = error.exit_code
    except KeyboardInterrupt:
        _complain("Interrupted. Nothing was changed and nothing is left on the server.")
        code = _SIGNALLED + (_received or [signal.SIGINT])[0]
    except BrokenPipeError:
        # The reader of the pipe (head, less) is gone.
        _give_up_output()
        code = 0
    except OSError as error:
        # A full disk, a folder without permission, a file that vanished: the system says which.
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"The operating system refused: {place}{error.strerror or error}.")
        _give_up_output()
        code = 3
    except Exception as error:  # noqa: BLE001 (the last line of defence: a bug is one sentence, not a traceback)
        if _server_is_lost(error):
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            _complain(f"The server closed the connection: {reason}.", "Try again.")
            sys.exit(3)
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
