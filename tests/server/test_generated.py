"""Rows made from statistics: as many, as skewed and as tied by keys as the statistics say."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from advisor.cli import prove as prove_command
from advisor.cli.app import app
from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.errors import UsageError
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.progress import Silent
from advisor.proof import open_generated
from advisor.proof.generated import Generated

pytestmark = pytest.mark.server
assert prove_command

SCHEMA = """
create extension if not exists pg_stat_statements;
create schema "Odd ""S";
create type state as enum ('new', 'paid', 'gone');
create domain positive as integer check (value > 0);
create table customers (id bigint generated always as identity primary key, email varchar(40) not null unique,
  born date, tags text[] not null, extra jsonb not null, words tsvector not null, span int4range not null,
  referrer bigint references customers, full_size positive not null);
create table profiles (customer_id bigint primary key references customers, bio text not null);
create table "Odd ""S"."Order s" (id uuid primary key, "customer Id" bigint not null references customers,
  state state not null, total numeric(10,2), at timestamptz not null, shipped timestamptz,
  gross numeric generated always as (total * 1.2) stored, check (shipped > at));
create table lines (order_id uuid references "Odd ""S"."Order s", line smallint, item bigserial,
  primary key (order_id, line));
create table events (id bigint not null, day date not null) partition by range (day);
create table events_1 partition of events for values from ('2026-01-01') to ('2026-02-01');
create table events_2 partition of events for values from ('2026-02-01') to ('2026-03-01');
create index on events (day);
insert into customers (email, born, tags, extra, words, span, referrer, full_size)
  select 'user' || i || '@ex.org', case when i % 3 > 0 then date '1970-01-01' + i % 9000 end,
    case when i % 4 = 0 then '{vip,"a,b"}' else '{}' end::text[], '{"a": 1}', 'cat dog', int4range(i, i + 10),
    nullif(i / 2, 0), i from generate_series(1, 6000) i;
insert into profiles select id, repeat('life ', 40) || id from customers where id <= 4000;
insert into "Odd ""S"."Order s" select md5(i::text)::uuid, case when i % 5 = 0 then 7 else 1 + i * 7919 % 6000 end,
    (case when i % 50 = 0 then 'new' when i % 10 = 0 then 'gone' else 'paid' end)::state, i % 977,
    timestamptz '2026-01-01' + i * interval '3 minutes',
    case when i % 50 > 0 then timestamptz '2026-01-01' + i * interval '4 minutes' end from generate_series(1, 20000) i;
insert into lines select md5(i::text)::uuid, l from generate_series(1, 20000) i, generate_series(1, 2) l;
insert into events select i, date '2026-01-01' + i % 59 from generate_series(1, 3000) i;
vacuum analyze;
select pg_stat_statements_reset();
"""
ORDERS = RelationName('Odd "S', "Order s")


@pytest.fixture(scope="module", params=[13, 18])
def source(request: pytest.FixtureRequest, clusters: Callable[[int], Cluster]) -> Iterator[str]:
    cluster = clusters(request.param)
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
        with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement.encode())
            for number in range(20):
                connection.execute('select * from "Odd ""S"."Order s" where "customer Id" = %s', (number,))
                connection.execute("select * from lines where item = %s", (number,))
        yield cluster.dsn(name)
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def made(source: str) -> Iterator[tuple[Snapshot, Generated]]:
    with open_connection(source) as connection:
        snapshot = collect(connection)
    with ExitStack() as stack:
        used = {table.relation for table in snapshot.tables}
        yield snapshot, stack.enter_context(open_generated(snapshot, used, 1_000_000, 30, Silent()))


def one(made: Generated, query: str) -> Any:
    row = made.connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_every_table_has_its_rows(made: tuple[Snapshot, Generated]) -> None:
    snapshot, generated = made
    assert len(generated.notes) == 1, generated.notes  # how it was made; nothing failed
    for table in snapshot.tables:
        if table.kind == "r":
            assert one(generated, f"select count(*) from {table.relation}") == pytest.approx(table.reltuples, rel=0.02)


def test_the_statistics_come_out_again(made: tuple[Snapshot, Generated]) -> None:
    snapshot, generated = made
    rows = {table.relation: table.reltuples for table in snapshot.tables}
    now = {(s.relation, s.column): s for s in generated.snapshot.statistics if not s.inherited}
    compared = 0
    for old in snapshot.statistics:
        new = now.get((old.relation, old.column))
        if old.inherited or new is None or old.column in ("words", "span"):
            continue
        compared += 1
        assert new.null_frac == pytest.approx(old.null_frac, abs=0.03), old
        assert (new.most_common_freqs or (0,))[0] == pytest.approx((old.most_common_freqs or (0,))[0], abs=0.03), old
        distinct = [s.n_distinct if s.n_distinct >= 0 else -s.n_distinct * rows[s.relation] for s in (old, new)]
        assert distinct[0] / 2.5 <= distinct[1] <= distinct[0] * 2.5, (old, new)
        if abs(old.correlation or 0) > 0.9 and old.most_common_vals is None:
            assert new.correlation == pytest.approx(old.correlation, abs=0.1), (old, new)
    assert compared > 20


def test_keys_lead_to_rows(made: tuple[Snapshot, Generated]) -> None:
    _, generated = made
    for child, column, parent, key in (
        (ORDERS, '"customer Id"', "customers", "id"),
        ("profiles", "customer_id", "customers", "id"),
        ("lines", "order_id", str(ORDERS), "id"),
        ("customers", "referrer", "customers", "id"),
    ):
        lost = one(
            generated,
            f"select count(*) from public.{child} c".replace(f"public.{ORDERS}", str(ORDERS))
            + f" where c.{column} is not null and not exists (select from "
            + (parent if "." in parent else f"public.{parent}")
            + f" p where p.{key} = c.{column})",
        )
        assert lost == 0, child
    # The customer with a fifth of the orders is the same one.
    assert one(generated, f'select "customer Id" from {ORDERS} group by 1 order by count(*) desc limit 1') == 7


def test_rows_can_be_added(made: tuple[Snapshot, Generated]) -> None:
    _, generated = made
    with generated.connection.transaction(force_rollback=True):
        generated.connection.execute(
            "insert into public.customers (email, tags, extra, words, span, full_size)"
            " values ('x', '{}', '{}', '', 'empty', 1)"
        )
        generated.connection.execute(f"insert into public.lines select id, 99 from {ORDERS} limit 1".encode())


def test_the_same_rows_are_made_again(made: tuple[Snapshot, Generated]) -> None:
    snapshot, generated = made
    query = "select md5(string_agg(c::text, '' order by id)) from public.customers c"
    with open_generated(snapshot, {RelationName("public", "customers")}, 1_000_000, 30, Silent()) as again:
        assert one(again, query) == one(generated, query)


def test_fewer_rows_where_fewer_are_asked_for(made: tuple[Snapshot, Generated]) -> None:
    snapshot, _ = made
    with open_generated(snapshot, {RelationName("public", "lines")}, 20_000, 30, Silent()) as generated:
        assert 12_000 <= one(generated, "select count(*) from public.lines") <= 14_000  # its orders come along
        assert "for production's" in generated.notes[0]


def test_a_proof_without_a_copy(source: str) -> None:
    result = CliRunner().invoke(app, ["prove", "--generate", "--rows", "40000", "--dsn", source, "--rounds", "1"])
    assert result.exit_code == 0, result.output
    assert 'ON "Odd ""S"."Order s" ("customer Id")' in result.stdout
    helped = result.stdout.partition("DID NOT HELP")[0]
    assert "(item)" in helped and "made from the statistics" in helped and "was expected" not in helped
    assert "The private server is gone." in result.stdout


def test_one_of_the_two_must_be_named(source: str) -> None:
    for arguments in ([], ["--generate", "--disposable", source], ["--generate", "--keep"]):
        result = CliRunner().invoke(app, ["prove", "--dsn", source, *arguments])
        assert isinstance(result.exception, UsageError) and "--generate" in (result.exception.hint or "")
