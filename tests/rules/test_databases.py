"""All rules together on whole databases: a healthy one, one of hostile names, one seen by a role without rights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from advisor.analyse import Judgement, judge
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.releases import RELEASES
from advisor.model.snapshot import Snapshot
from advisor.rulebook import load_rules

pytestmark = pytest.mark.server
RULES = load_rules()

HEALTHY = """
create extension pg_stat_statements;
create schema app;
create table app.customers (id bigint generated always as identity primary key, email text not null unique);
create table app.orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references app.customers,
    placed_at timestamptz not null default now(),
    data jsonb
);
create index on app.orders (customer_id);
create table app.visits (
    at timestamptz not null, customer_id bigint not null references app.customers, id bigint not null,
    primary key (id, at)
) partition by range (at);
create table app.visits_2026 partition of app.visits for values from ('2026-01-01') to ('2027-01-01');
create index on app.visits (customer_id);
insert into app.customers (email) select 'c' || n || '@example.org' from generate_series(1, 3000) n;
insert into app.orders (customer_id) select 1 + n % 3000 from generate_series(1, 20000) n;
insert into app.visits select '2026-06-01', 1 + n % 3000, n from generate_series(1, 20000) n;
vacuum analyze;
"""
# What is true of a test cluster and of old majors, and no false alarm.
# Autovacuum is off for repeatable tests; hundreds of databases in one cluster really push statements out.
TRUE_OF_TEST_CLUSTERS = {"vacuum/autovacuum_off", "server/outdated_minor_version", "statements/entries_evicted"}
HOSTILE = """weird "name"'; drop table x; -- \n{{ evil }} <b>%s é"""


def look(dsn: str) -> tuple[Snapshot, Judgement]:
    with open_connection(dsn) as connection:
        snapshot = collect(connection, rules=RULES)
    return snapshot, judge(snapshot, Catalog(snapshot), RULES)


def run(dsn: str, *statements: bytes) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_healthy_database_gives_no_alarm(database: str, major: int) -> None:
    run(database, *(part.encode() for part in HEALTHY.split(";\n") if part.strip()))
    _, judgement = look(database)
    true = set(TRUE_OF_TEST_CLUSTERS)
    if major < 15:
        true.add("security/public_schema_create")
    if RELEASES[major].end_of_life < datetime.now(UTC).date():
        true.add("server/end_of_life")
    alarms = [f for f in judgement.findings if f.severity != Severity.INFO and f.rule not in true]
    assert alarms == []
    assert [skip for skip in judgement.skipped if "bug" in skip.why] == []


def test_every_query_runs_on_an_empty_database(database: str, major: int) -> None:
    snapshot, judgement = look(database)
    assert [gap for gap in snapshot.gaps if gap.what.startswith("rule ")] == []
    fitting = {
        rule.id
        for rule in RULES
        if rule.queries and (rule.needs.min_major or 0) <= major <= (rule.needs.max_major or 99)
    }
    assert set(snapshot.facts) >= fitting
    assert [skip for skip in judgement.skipped if "bug" in skip.why] == []
    # Every rule is accounted for.
    seen = {f.rule for f in judgement.findings} | {s.rule for s in judgement.skipped} | set(judgement.passed)
    assert seen == {rule.id for rule in RULES}


@pytest.mark.parametrize("major", [13, 15, 18])
def test_hostile_names_stay_in_their_quotes(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    quoted = '"' + HOSTILE.replace('"', '""')[:50] + '"'
    run(
        dsn,
        f"create schema {quoted}".encode(),
        f"create table {quoted}.{quoted} ({quoted} json, c char(20), unique (c))".encode(),
        f"create table {quoted}.parent (id bigint primary key)".encode(),
        f"create unlogged table {quoted}.child ({quoted} int references {quoted}.parent, s serial)".encode(),
        f"alter table {quoted}.child add constraint {quoted} check (s > 0) not valid".encode(),
        f"alter table {quoted}.child disable trigger all".encode(),
        f"insert into {quoted}.child select null from generate_series(1, 2000)".encode(),
        b"analyze",
    )
    _, judgement = look(dsn)
    assert [skip for skip in judgement.skipped if "bug" in skip.why] == []
    ours = [f for f in judgement.findings if "weird" in f.object]
    assert {f.rule for f in ours} >= {
        "indexes/foreign_key_without_index", "tables/no_primary_key", "tables/unlogged_table", "tables/json_column",
        "tables/not_valid_constraint", "tables/disabled_trigger", "tables/foreign_key_type_mismatch",
        "tables/discouraged_type",
    }  # fmt: skip
    for finding in ours:
        assert "\n" not in finding.title
        for statement in finding.remedy.sql:
            run(dsn, statement.encode())
    run(dsn, f"select count(*) from {quoted}.child".encode())


@pytest.mark.parametrize("major", [13, 15, 18])
def test_a_role_without_rights_sees_no_rule_pass_that_it_could_not_judge(
    make_database: Callable[..., str], major: int
) -> None:
    dsn = make_database(major)
    role = f"nobody_{major}_{dsn[-6:]}"
    run(
        dsn,
        b"create table orders (id serial primary key)",
        b"select setval('orders_id_seq', 2000000000)",
        b"insert into orders select generate_series(1, 3000)",
        b"analyze",
        f"create role {role} login".encode(),
    )
    try:
        _, judgement = look(dsn.replace("user=postgres", f"user={role}"))
    finally:
        run(dsn, f"drop role {role}".encode())
    reasons = {skip.rule: skip.why for skip in judgement.skipped}
    assert not set(judgement.passed) & set(reasons)
    for rule in (
        "tables/sequence_near_end", "connections/idle_in_transaction", "statements/temp_spill",
        "server/invalid_configuration", "replication/standby_lag", "tables/bloated_table", "indexes/mostly_null_index",
    ):  # fmt: skip
        assert rule in reasons, f"{rule} must not pass for a role that cannot see its data"
    assert [why for why in reasons.values() if "bug" in why] == []
