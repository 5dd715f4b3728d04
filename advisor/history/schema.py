"""The tables of the history, the same on SQLite and PostgreSQL. Migrations make them; these definitions query them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

# On PostgreSQL everything lives in a schema of its own, so that a shared database stays tidy.
POSTGRES_SCHEMA = "pgadvise"

metadata = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """A time in UTC; SQLite has no time zones and keeps it bare."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time as the database keeps it."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return the time with its zone."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# BIGINT is no alias of SQLite's rowid; INTEGER is.
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

target = sa.Table(
    "target",
    metadata,
    sa.Column("id", Key, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text),
    sa.Column("database", sa.Text, nullable=False),
    sa.Column("system_identifier", sa.Text),
    sa.Column("address", sa.Text),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", Key, primary_key=True, autoincrement=True),
    sa.Column("target_id", Key, sa.ForeignKey("target.id"), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("tool_version", sa.Text, nullable=False),
    sa.Column("version_num", sa.Integer, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),  # msgpack: counts, totals, events, subjects
    sa.Column("measures", sa.LargeBinary, nullable=False),  # what has a trend, read alone for many runs
    sa.Column("payload", sa.LargeBinary, nullable=False),  # the slim snapshot and the plans
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("run_id", Key, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("confidence", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("judged", sa.Boolean, nullable=False),
)

# Texts and settings are the same in most runs: kept once, by hash.
content = sa.Table(
    "content",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("last_used", Moment, nullable=False),
)

index_use = sa.Table(
    "index_use",
    metadata,
    sa.Column("target_id", Key, sa.ForeignKey("target.id"), primary_key=True),
    sa.Column("index", sa.Text, primary_key=True),
    sa.Column("definition", sa.Text, primary_key=True),
    sa.Column("first_seen", Moment, nullable=False),
    sa.Column("observed_since", Moment, nullable=False),
    sa.Column("last_used", Moment),
    sa.Column("holes", sa.Integer, nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("target_id", Key, sa.ForeignKey("target.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # msgpack of LedgerState
)
