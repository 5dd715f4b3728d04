"""The doctor really tries every source; the grants script really is enough."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.collect import collect
from advisor.collect.doctor import Doctor, DoctorCheck, examine, grants_sql
from advisor.connect import open_connection
from advisor.model.names import quote_ident

pytestmark = pytest.mark.server
RICH = (Path(__file__).parent / "rich.sql").read_text()


@pytest.fixture
def rich(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(RICH)
    return database


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A hostile role name, whose role is dropped afterwards."""
    name = f'my "role; {uuid.uuid4().hex[:6]}'
    yield name
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"drop owned by {quote_ident(name)}")
        admin.execute(f"drop role {quote_ident(name)}")


def doctor_of(dsn: str, **parameters: str) -> Doctor:
    with open_connection(psycopg.conninfo.make_conninfo(dsn, **parameters)) as connection:
        return examine(connection)


def named(doctor: Doctor, name: str) -> list[DoctorCheck]:
    return [check for check in doctor.checks if check.name == name]


def test_superuser_lacks_nothing(rich: str, major: int) -> None:
    doctor = doctor_of(rich)
    assert doctor.missing == ()
    assert doctor.is_superuser and doctor.version
    assert {check.status for check in doctor.checks} <= {"ok", "note"}
    (statements,) = named(doctor, "pg_stat_statements")
    assert "statements of this database" in statements.why
    (tables,) = named(doctor, "tables and their counters")
    assert tables.why.split()[0].isdigit()


def test_role_with_nothing_is_told_what_to_run(rich: str, major: int, role: str) -> None:
    with psycopg.connect(rich, autocommit=True) as admin:
        admin.execute(f"create role {quote_ident(role)} login")
    doctor = doctor_of(rich, user=role)
    assert {check.name for check in doctor.missing} >= {"settings", "planner statistics", "pg_stat_statements"}
    for check in doctor.missing:
        assert check.costs, check
        assert check.fix or major == 13, check


def test_grants_are_enough(rich: str, major: int, role: str) -> None:
    with psycopg.connect(rich, autocommit=True) as admin:
        schemas = [row[0] for row in admin.execute(
            "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
        )]  # fmt: skip
        for statement in grants_sql(role, admin.info.dbname, schemas, major):
            admin.execute(statement)
        # The script leaves row security to a person; here it is wanted.
        admin.execute(f"alter role {quote_ident(role)} bypassrls")
    doctor = doctor_of(rich, user=role)
    missing = [check for check in doctor.missing if major > 13 or "cannot be granted" not in check.why]
    assert missing == []
    with open_connection(psycopg.conninfo.make_conninfo(rich, user=role)) as connection:
        snapshot = collect(connection)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("set local transaction_read_only = off; delete from public.base_one")
    assert [gap for gap in snapshot.gaps if major > 13 or "cannot be granted" not in gap.why] == []
    assert snapshot.statistics
    assert not snapshot.server.is_superuser


def test_tracking_switched_off(database: str, major: int, make_database: Callable[..., str]) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements")
        name = admin.info.dbname
        for setting, value in {
            "track_io_timing": "off",
            "track_counts": "off",
            "pg_stat_statements.track": "none",
        }.items():
            admin.execute(f"alter database {name} set {setting} = '{value}'")
    doctor = doctor_of(database)
    assert [check.status for check in named(doctor, "track_counts")] == ["missing"]
    assert [check.status for check in named(doctor, "track_io_timing")] == ["note"]
    assert [check.status for check in named(doctor, "pg_stat_statements.track")] == ["missing"]
    assert [check.status for check in named(doctor, "track_activity_query_size")] == ["note"]


def test_empty_database(database: str, major: int) -> None:
    doctor = doctor_of(database)
    (statements,) = doctor.missing
    assert (statements.name, statements.fix) == ("pg_stat_statements", "CREATE EXTENSION pg_stat_statements;")
