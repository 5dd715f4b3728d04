"""Functions of production's schema run in the twin while statements are planned: they must not get anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from advisor.connect import open_connection
from advisor.index_search.planner import Candidate
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName
from tests.whatif.conftest import requests, statement, take_snapshot, twin_of

pytestmark = pytest.mark.server

# Whoever may create a function may have its call folded to a constant wherever a statement of theirs is planned.
_SCHEMA = """
create schema tenant;
create function tenant.go(path text, how text) returns int language plpgsql volatile security definer as $$
begin
  if current_setting('application_name') not like 'pgadvise%' then return 1; end if;
  begin perform set_config('role', 'none', false); exception when others then null; end;
  begin perform set_config('session_authorization', 'postgres', false); exception when others then null; end;
  if how = 'copy' then execute format('copy (select 1) to %L', path);
  elsif how = 'program' then execute format('copy (select 1) to program %L', 'touch ' || path);
  else perform lo_export(lo_from_bytea(0, 'x'), path);
  end if;
  return 1;
exception when others then return 1;
end $$;
create function tenant.quiet(path text, how text) returns int language plpgsql immutable as $$
begin return tenant.go(path, how); end $$;
create table tenant.notes (id int primary key, body text);
insert into tenant.notes select n, 'note ' || n from generate_series(1, 2000) n;
"""


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that the account of the servers may write to."""
    with tempfile.TemporaryDirectory(prefix="outside-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def test_functions_of_the_schema_write_nothing(
    major: int, make_database: Callable[..., str], use_major: Callable[[int], None], outside: Path
) -> None:
    use_major(major)
    dsn = make_database(major)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_SCHEMA.encode())
        for how in ("copy", "program", "large_object"):
            call = f"tenant.quiet('{outside / f'ddl_{how}'}', '{how}')"
            for ddl in (
                f"create index notes_{how} on tenant.notes (({call} + id))",
                f"create index notes_part_{how} on tenant.notes (id) where id > {call}",
                f"alter table tenant.notes add constraint notes_check_{how} check (id >= {call})",
                f"create statistics tenant.notes_stat_{how} on ({call} + id), id from tenant.notes"
                if major >= 14
                else "select 1",
                f"create table tenant.parts_{how} (id int) partition by range (id)",
                f"create table tenant.part_{how} partition of tenant.parts_{how}"
                f" for values from ({call}) to ({call} + 10)",
            ):
                connection.execute(ddl.encode())
        connection.execute("analyze tenant.notes")
    with twin_of(take_snapshot(dsn)) as engine:
        assert [line for line in engine.degraded if not line.startswith("statistics ")] == []
        for how in ("copy", "program", "large_object"):
            call = f"tenant.quiet('{outside / f'plan_{how}'}', '{how}')"
            text = f"select * from tenant.notes where id = {call}"
            engine.planner.plan_many(requests([statement(text)]))
            path = f"tenant.quiet('{outside / f'candidate_{how}'}', '{how}')"
            (prepared,) = engine.planner.prepare(
                [
                    Candidate(
                        table=RelationName("tenant", "notes"),
                        access_method="btree",
                        columns=(IndexColumn(column=None, expression=f"(({path} + length(body)))"),),
                    )
                ]
            )
            engine.planner.plan_many(requests([statement(text)]), frozenset({prepared.handle}))
            engine.session.parse(text, (), ("public",))
    assert sorted(path.name for path in outside.iterdir()) == []


def test_a_superusers_comparison_runs_no_function_of_the_schema(
    make_database: Callable[..., str], outside: Path
) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_SCHEMA.encode())
        connection.execute("analyze tenant.notes")
        lure = f"tenant.quiet('{outside / 'view'}', 'copy')"
        connection.execute(f"create view tenant.trap as select id, {lure} as lure from tenant.notes".encode())
    call = f"tenant . \"quiet\" ('{outside / 'server'}', 'copy')"
    asked = [
        statement(f"select * from tenant.notes where id = {call}"),
        replace(statement("select * from tenant.trap"), relations=(RelationName("tenant", "trap"),)),
        statement("select * from tenant.notes where id = 7"),
    ]
    with open_connection(dsn) as connection, twin_of(take_snapshot(dsn), connection) as engine:
        fidelity = engine.measure_fidelity(asked)
    assert fidelity is not None and fidelity.compared == 1
    assert sorted(path.name for path in outside.iterdir()) == []
