"""Every SQL file runs on every major, on a full and on an empty database, and fits the record it fills."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from advisor.collect.catalog import IndexRow, SequenceRow, SizeRow
from advisor.collect.index_definitions import IndexColumnRow
from advisor.model.activity import Session, StatementCounters
from advisor.model.catalog import Column, Constraint, Schema, Table, TableCounters
from advisor.model.replica import IndexUse, ReplicaState, Standby, StandbyConflicts, TableUse
from advisor.model.server import ClusterCounters, DatabaseCounters, Extension, Role, RoleSetting, Server, Setting
from advisor.model.statistics import ColumnStatistics, ExtendedStatistics, SchemaObject
from advisor.resources import resource_dir, sql_text

RICH = (Path(__file__).parent / "rich.sql").read_text()


@dataclasses.dataclass(frozen=True)
class Filling:
    """How a file fills a record: columns it has besides, and fields that code fills."""

    record: type | None
    besides: frozenset[str] = frozenset()
    by_code: frozenset[str] = frozenset()
    version: int | None = None


def fills(record: type | None, besides: str = "", by_code: str = "", version: int | None = None) -> Filling:
    return Filling(record, frozenset(besides.split()), frozenset(by_code.split()), version)


SIZES = "size_bytes toast_bytes indexes_bytes total_bytes size_is_estimate"
FILES = {
    "server": fills(Server, by_code="system_identifier timeline database_size_bytes provider provider_signals"),
    "system_identifier": fills(None, "system_identifier"),
    "timeline": fills(None, "timeline"),
    "database_size": fills(None, "database_size_bytes"),
    "settings": fills(Setting),
    "role_settings": fills(RoleSetting),
    "roles": fills(Role),
    "extensions": fills(Extension),
    "schemas": fills(Schema),
    "tables": fills(Table, by_code=f"{SIZES} parent counters"),
    "table_counters": fills(TableCounters, "oid"),
    "columns": fills(Column),
    "indexes": fills(IndexRow),
    "index_columns": fills(IndexColumnRow),
    "constraints": fills(Constraint),
    "sequences": fills(SequenceRow),
    "sequence_values": fills(None, "oid last_value"),
    "relation_sizes": fills(SizeRow),
    "database_counters": fills(DatabaseCounters),
    "cluster_counters": fills(ClusterCounters),
    "activity": fills(Session),
    "exclusive_locks": fills(None, "oid"),
    "unreadable_expressions": fills(None, "schema name"),
    "unreadable": fills(None, "schema name row_security can_select some_columns schema_usage"),
    "column_statistics": fills(ColumnStatistics),
    "column_statistics_superuser": fills(ColumnStatistics),
    "extended_statistics": fills(ExtendedStatistics),
    "standbys": fills(Standby),
    "replication_identity": fills(None, "in_recovery database database_oid started_at timeline current_lsn"),
    "replica_state": fills(ReplicaState, by_code="primary_lsn"),
    "standby_conflicts": fills(StandbyConflicts),
    "index_use": fills(IndexUse),
    "table_use": fills(TableUse),
    "host_files": fills(None, "content"),
    "host_files_allowed": fills(None, "allowed"),
    "provider_marks": fills(None, "mark"),
    "extensions/pg_stat_statements": fills(StatementCounters, "text_state", by_code="nodes"),
    "extensions/pg_stat_statements_foreign": fills(None, "dbid database"),
    "extensions/pg_stat_statements_state": fills(None, "entries entries_other_databases dealloc stats_reset"),
}
PARAMETERS: dict[str, Any] = {
    "locked": [],
    "oids": [1, 2],
    "path": "PG_VERSION",
    "blockers": True,
    "text_limit": 1000,
    "total_limit": 100_000,
    "with_texts": True,
}
NEWEST = 18


def stems() -> list[str]:
    folder = resource_dir("sql")
    found = {re.sub(r"(\.\d+)?\.sql$", "", str(path.relative_to(folder))) for path in folder.rglob("*.sql")}
    return sorted(found)


def filling(stem: str) -> Filling:
    return FILES.get(stem) or fills(SchemaObject)


def paths() -> list[Path]:
    return sorted(resource_dir("sql").rglob("*.sql"))


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.name)
def test_house_style(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"-- (One|A) row", text), "the first comment says what a row is"
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text)
    assert "from" not in code.split() or re.search(r"\border by\b", code), "the order is fixed"
    assert code == code.lower() or not re.search(r"\b(SELECT|FROM|WHERE|JOIN|ORDER|CASE|NULL|AND|OR)\b", code)
    bare = re.findall(r"(?<![.\w])pg_(?!catalog\b|stat_statements)\w+", code)
    assert not bare, f"not qualified with pg_catalog: {bare}"


def test_every_file_has_a_record() -> None:
    unknown = [stem for stem in stems() if stem not in FILES and not stem.startswith("schema_")]
    assert not unknown, f"say in FILES what these fill: {unknown}"


def run(connection: psycopg.Connection[Any], stem: str, major: int) -> tuple[set[str], list[dict[str, Any]]]:
    version = major
    if stem.startswith("extensions/"):
        connection.execute("set search_path = public")
        version = int(connection.execute("select split_part(extversion, '.', 2) from pg_extension"
                                         " where extname = 'pg_stat_statements'").fetchone()[0])  # fmt: skip
    text = sql_text(stem, version)
    parameters = PARAMETERS if "%(" in text else None
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(text.encode(), parameters)
        return {column.name for column in cursor.description or ()}, cursor.fetchall()


def check_file(connection: psycopg.Connection[Any], stem: str, major: int) -> int:
    expected = filling(stem)
    columns, rows = run(connection, stem, major)
    if expected.record is None:
        assert columns == expected.besides, stem
        return len(rows)
    fields = {field.name for field in dataclasses.fields(expected.record)} - expected.by_code
    required = {
        field.name for field in dataclasses.fields(expected.record) if field.default is dataclasses.MISSING
    } - expected.by_code  # fmt: skip
    assert columns <= fields | expected.besides, f"{stem}: {columns - fields - expected.besides}"
    assert required <= columns, f"{stem}: {required - columns}"
    if major == NEWEST and stem in FILES:
        assert fields <= columns, f"{stem} on the newest major: {fields - columns}"
    bare = [{name: value for name, value in row.items() if name not in expected.besides} for row in rows]
    msgspec.convert(bare, list[expected.record], strict=False)  # type: ignore[name-defined]
    return len(rows)


@pytest.mark.server
def test_fits_full_database(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(RICH)
        connection.execute("set search_path = ''")
        for stem in stems():
            count = check_file(connection, stem, major)
            assert count or stem in MAY_BE_EMPTY or stem.startswith("schema_"), stem


# What this database has none of.
MAY_BE_EMPTY = {
    "index_use",
    "table_use",
    "standbys",
    "role_settings",
    "exclusive_locks",
    "unreadable",
    "unreadable_expressions",
    "sequence_values",
    "extended_statistics",
    "provider_marks",
    "extensions/pg_stat_statements_foreign",
}


@pytest.mark.server
def test_fits_empty_database(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set search_path = ''")
        for stem in stems():
            if not stem.startswith("extensions/"):
                check_file(connection, stem, major)
