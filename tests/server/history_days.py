"""Days in seconds: a real server with a real workload, and a clock of the tool's own that is a day ahead per run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from advisor import pipeline
from advisor.cli import history_commands, history_flag, report_commands
from advisor.cli.app import app
from advisor.cluster import Cluster
from advisor.model.snapshot import Snapshot

BEGIN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SCHEMA = """
create extension pg_stat_statements;
create table customers (id int primary key, email text not null, city text not null);
create table orders (id bigint primary key, customer_id int not null, status text not null,
                     placed timestamptz not null, note text);
create table events (id bigint primary key, payload text not null);
insert into customers select g, 'u' || g || '@shop.example', 'c' || g % 50 from generate_series(1, 5000) g;
insert into orders select g, 1 + g % 5000, case when g % 20 = 0 then 'open' else 'done' end,
                          '2026-01-01'::timestamptz + g * interval '1 min', repeat('n', 40)
  from generate_series(1, 120000) g;
insert into events select g, repeat('e', 100) from generate_series(1, 20000) g;
create index orders_customer on orders (customer_id);
"""
BY_CUSTOMER = "select * from orders where customer_id = %s"


class Days:
    """One database, one history, one report a day."""

    def __init__(self, cluster: Cluster, database: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.cluster, self.folder = cluster, folder
        self.dsn = cluster.dsn(database)
        self.history = folder / "history.sqlite"
        self.config = folder / "pgadvise.toml"
        self.config.write_text("")
        self._anchors: list[tuple[datetime, datetime]] = [(datetime.now(UTC), BEGIN)]
        self._orders = 1_000_000
        original = pipeline.collect

        def collect(*args: Any, **more: Any) -> Snapshot:
            snapshot = original(*args, **more)
            self._anchors.append((snapshot.server.collected_at, self.now))
            shifted: Snapshot = self._shifted(snapshot)
            return shifted

        self.day = 0
        patch.setattr(pipeline, "collect", collect)
        patch.setattr(history_flag, "now", lambda: self.now)

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(days=self.day)

    def fake(self, moment: datetime) -> datetime:
        """Return the tool's time of a real moment: between two runs the clock goes evenly."""
        first, last = self._anchors[0], self._anchors[-1]
        if moment <= first[0]:
            return first[1] - (first[0] - moment)
        for (start, begin), (stop, end) in zip(self._anchors, self._anchors[1:], strict=False):
            if moment <= stop:
                return begin + (end - begin) * ((moment - start) / (stop - start))
        return last[1] + (moment - last[0])

    def _shifted(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return self.fake(value)
        if isinstance(value, tuple):
            return tuple(map(self._shifted, value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            old = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            new = {name: self._shifted(item) for name, item in old.items()}
            changed = {name: item for name, item in new.items() if item is not old[name]}
            return dataclasses.replace(value, **changed) if changed else value
        return value

    def sql(self, *statements: str) -> None:
        """Run what an administrator runs."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def work(self, rounds: int = 150) -> None:
        """Run the application for a day, in one transaction: a commit for each write would wait for the disk."""
        with psycopg.connect(self.dsn, prepare_threshold=None) as connection:
            for round_ in range(rounds):
                connection.execute(BY_CUSTOMER, (1 + (round_ * 37) % 5000,)).fetchall()
                connection.execute("select email from customers where id = %s", (1 + round_ % 5000,)).fetchall()
                connection.execute("update customers set city = %s where id = %s", (f"c{round_ % 50}", 1 + round_))
                self._orders += 1
                connection.execute(
                    "insert into orders values (%s, %s, 'open', now(), 'x')", (self._orders, 1 + round_ % 5000)
                )

    def report(self, *flags: str) -> dict[str, Any]:
        """Go on one day, report, and return the JSON document."""
        self.day += 1
        out = self.folder / f"day{self.day}.json"
        self.run(
            ["report", "--dsn", self.dsn, "--history", str(self.history), "--config", str(self.config), "--ram", "8GB",
             "--cores", "2", "--storage", "ssd", "-q", "-o", str(out), "-o", str(out.with_suffix(".txt")), *flags]
        )  # fmt: skip
        document: dict[str, Any] = json.loads(out.read_text())
        return document

    def run(self, arguments: list[str], code: int = 0) -> str:
        """Run a command in this process; return what it printed."""
        assert report_commands and history_commands, "importing them registers the commands"
        result = CliRunner().invoke(app, arguments)
        if result.exit_code != code:
            raise AssertionError(f"exit code {result.exit_code}: {result.output}") from result.exception
        return result.output


def keys(changes: Iterable[dict[str, Any]]) -> list[str]:
    """Return the keys of findings."""
    return [change["key"] for change in changes]


Make = Callable[[], Days]
