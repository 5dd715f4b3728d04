"""`--history [PATH|DSN]` on the reporting commands: what earlier runs know goes in, what is new comes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from typer.core import TyperCommand

from advisor.cli.config import Config
from advisor.cli.console import note
from advisor.errors import HistoryFailed, UsageError
from advisor.model.report import Report
from advisor.model.snapshot import Snapshot
from advisor.pipeline import ReportOptions
from advisor.units import parse_duration, parse_size

if TYPE_CHECKING:
    from advisor.history.model import Run
    from advisor.history.record import Prepared
    from advisor.history.store import History

# What a bare --history becomes: the file in the user's state folder.
DEFAULT = "default"


class HistoryCommand(TyperCommand):
    """A command whose `--history` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare --history its value: the next word is one only where it is no flag."""
        given: list[str] = []
        for place, word in enumerate(args):
            bare = word == "--history" and (place + 1 == len(args) or args[place + 1].startswith("-"))
            given.append(f"--history={DEFAULT}" if bare else word)
        return super().parse_args(ctx, given)


class Recorder:
    """History around one report: `before` it, `after` it, and `keep` once it is delivered."""

    def __init__(self, history: History, config: Config, disk: str | None, name: str | None = None) -> None:
        self._history = history
        self._ignore = config.ignore
        self._disk = parse_size(disk) if disk is not None else None
        self._name = name
        self._prepared: Prepared | None = None
        self._run: Run | None = None

    def before(
        self, facts: Snapshot, connection: psycopg.Connection[Any] | None, options: ReportOptions
    ) -> tuple[Snapshot, ReportOptions]:
        """Return the facts with what history knows of them, and the options with the window's begin."""
        from advisor.history.record import prepare
        from advisor.history.take import identity_of

        address = f"{connection.info.host}:{connection.info.port}" if connection is not None else None
        self._prepared = prepare(self._history, facts, identity_of(facts, self._name, address))
        return self._prepared.snapshot, replace(options, previous=self._prepared.previous, keep_plans=True)

    def after(self, report: Report) -> Report:
        """Return the report with what changed since the last run."""
        from advisor.history.record import conclude

        assert self._prepared is not None, "before() comes first"
        report, self._run = conclude(self._prepared, report, ignore=self._ignore, today=today(), disk_bytes=self._disk)
        return report

    def keep(self, quiet: bool = False) -> int | None:
        """Keep the run; return its number."""
        from advisor.history.record import keep

        assert self._prepared is not None and self._run is not None, "before() and after() come first"
        number = keep(self._history, self._prepared, self._run)
        if number is None:
            note(
                "history: this reading is kept already, or older than the newest one; it was compared, not kept", quiet
            )
        return number

    def prune(self, keep: str | None) -> int:
        """Remove the runs older than `keep`; return how many."""
        return self._history.prune(now() - timedelta(seconds=parse_duration(keep))) if keep is not None else 0


@contextmanager
def recorder(
    place: str | None,
    config: Config,
    *,
    disk: str | None = None,
    name: str | None = None,
    quiet: bool = False,
    required: bool = False,
) -> Iterator[Recorder | None]:
    """Yield a recorder on the history at `place` (a path, a DSN, DEFAULT), None without one.

    A history that cannot be opened (a full disk, a server that is away) costs its own part only: None is yielded, the
    report goes out, and HistoryFailed is raised at the end. With `required` it is raised at once.
    """
    if place is None:
        yield None
        return
    # SQLAlchemy and Alembic take a part of a second: only who asks for a history pays.
    from advisor.history.store import open_history

    try:
        history = open_history(None if place == DEFAULT else place, tell=note)
    except HistoryFailed:
        if required:
            raise
        yield None
        raise
    with history:
        yield Recorder(history, config, disk, name)


def check_flags(place: str | None, keep: str | None, previous: object) -> None:
    """Refuse flags that contradict each other. Raises UsageError."""
    if place is not None and previous is not None:
        raise UsageError("--history and --previous exclude each other.", "History finds the earlier reading itself.")
    if keep is not None:
        if place is None:
            raise UsageError("--keep needs --history.", "It says how long runs stay in the history.")
        if parse_duration(keep) < 86400:
            raise UsageError(f"--keep {keep} is less than a day.", "Write it like 180d.")


def now() -> datetime:
    """Return the time; tests put their own clock here."""
    return datetime.now(UTC)


def today() -> Any:
    """Return today's date in UTC: the last day of a mute is its last day everywhere."""
    return now().date()
