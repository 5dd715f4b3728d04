"""The corpus, run for real on every major, read back from pg_stat_statements."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.activity import WorkloadText
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement, Workload
from advisor.progress import Silent
from advisor.whatif.session import PlanningSession
from advisor.workload.literals import align
from advisor.workload.parameters import meetings_of_plan
from advisor.workload.read import read_workload
from advisor.workload.session import ParseError
from tests.server.corpus import corpus, load_schema, run_corpus

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Loaded:
    """A database in which the corpus ran, and its snapshot."""

    dsn: str
    snapshot: Snapshot
    failed: list[str]

    @cached_property
    def workload(self) -> Workload:
        """The workload as it is read, once for all tests that only look at it."""
        return read(self)


@contextmanager
def planning(dsn: str) -> Iterator[PlanningSession]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = on")
        yield PlanningSession(connection)


def snapshot_of(dsn: str) -> Snapshot:
    with open_connection(dsn) as connection:
        return collect(connection)


def read(loaded: Loaded, **changes: Any) -> Workload:
    snapshot = replace(loaded.snapshot, **changes)
    with planning(loaded.dsn) as session:
        return read_workload(snapshot, Catalog(snapshot), session, Silent())


@pytest.fixture(scope="module")
def databases(clusters: Callable[[int], Cluster]) -> Iterator[Callable[[int], Loaded]]:
    """A function major -> the loaded corpus, made once per module."""
    made: dict[int, tuple[Cluster, str, Loaded]] = {}

    def get(major: int) -> Loaded:
        if major not in made:
            cluster, name = clusters(major), f"corpus_{uuid.uuid4().hex[:8]}"
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute(f"create database {name} template template0 encoding 'UTF8'".encode())
            dsn = cluster.dsn(name)
            load_schema(dsn)
            failed = run_corpus(dsn, corpus(major))
            made[major] = (cluster, name, Loaded(dsn, snapshot_of(dsn), failed))
        return made[major][2]

    yield get
    for cluster, name, _ in made.values():
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)".encode())


@pytest.fixture
def loaded(databases: Callable[[int], Loaded], major: int) -> Loaded:
    return databases(major)


def test_corpus_runs(loaded: Loaded) -> None:
    assert not loaded.failed


def test_every_plannable_text_is_typed_and_planned(loaded: Loaded) -> None:
    workload = loaded.workload
    lost = [item for item in workload.unusable if item.category in ("unplannable", "unparsable")]
    assert len(workload.statements) >= 200
    assert len({statement.key for statement in workload.statements}) == len(workload.statements)
    assert len(workload.statements) / (len(workload.statements) + len(lost)) >= 0.98
    # The one that is left works on a temporary table that is gone.
    assert [item.sqlstate for item in lost] == ["42P01"]
    for statement in workload.statements:
        assert abs(sum(binding.weight for binding in statement.bindings) - 1) < 1e-6
        assert 1 <= len(statement.bindings) <= 5
        assert all(len(binding.values) == len(statement.parameter_types) for binding in statement.bindings)


def test_every_binding_can_be_planned(loaded: Loaded) -> None:
    workload = loaded.workload
    with planning(loaded.dsn) as session:
        for statement in workload.statements:
            for binding in statement.bindings:
                plan = session.explain(statement.text, statement.parameter_types, binding.values, statement.search_path)
                assert not isinstance(plan, ParseError), (statement.text, binding, plan)


def test_original_constants_have_the_original_cost(loaded: Loaded, major: int) -> None:
    """Texts with constants, laid over what pg_stat_statements made of them, give the cost of the original text."""
    originals = [
        item.sql
        for item in corpus(major)
        if item.values is None
        and item.role is None
        and not item.sql.startswith(("EXPLAIN", "CREATE", "COPY", "VACUUM", "SET ", "DROP", "SELECT id INTO"))
    ]
    texts = tuple(WorkloadText(query=text, source="corpus.sql") for text in originals)
    workload = read(loaded, workload_texts=texts)
    checked, unequal = 0, []
    with planning(loaded.dsn) as session:
        for statement in workload.statements:
            if statement.evidence != "literals":
                continue
            matching = [text for text in originals if align(statement.original, text)]
            real = [binding for binding in statement.bindings if binding.origin == "literal"]
            if len(matching) != 1 or not real:
                continue
            original = session.explain(matching[0], (), (), statement.search_path)
            bound = session.explain(statement.text, statement.parameter_types, real[0].values, statement.search_path)
            assert not isinstance(original, ParseError), matching[0]
            assert not isinstance(bound, ParseError), statement.text
            checked += 1
            if bound["Total Cost"] != original["Total Cost"]:
                unequal.append((matching[0], original["Total Cost"], bound["Total Cost"]))
    assert checked >= 100
    assert len(unequal) <= 0.04 * checked, unequal


def test_nothing_is_executed(loaded: Loaded) -> None:
    # Nested entries do not count: EXPLAIN itself adds to them from 14 on.
    query = (
        "select queryid, calls from pg_stat_statements where query !~* 'explain'"
        " and dbid = (select oid from pg_database where datname = current_database())"
        " and (to_jsonb(pg_stat_statements) ->> 'toplevel') is distinct from 'false'"
    )

    def calls() -> dict[int, int]:
        with psycopg.connect(loaded.dsn) as connection:
            return dict(connection.execute(query).fetchall())

    def rows() -> list[Any]:
        with psycopg.connect(loaded.dsn) as connection:
            return connection.execute(
                "select (select count(*) from orders), (select count(*) from jobs), (select count(*) from audit),"
                " (select last_value from audit_id_seq), (select sum(value) from counters)"
            ).fetchall()

    data = rows()
    before = calls()
    workload = read(loaded)
    after = calls()
    ids = {query_id for statement in workload.statements for query_id in statement.query_ids}
    known = ids & set(before)
    assert len(known) >= 180
    assert {key: after[key] for key in known} == {key: before[key] for key in known}
    assert rows() == data


def by_text(workload: Workload, part: str) -> Statement:
    found = [statement for statement in workload.statements if part in statement.original]
    assert len(found) == 1, [statement.original for statement in found]
    return found[0]


def test_types_that_are_not_the_usual_ones(loaded: Loaded) -> None:
    """char(n), citext, enums, domains and ranges keep their own types, and values keep all their characters."""
    workload = loaded.workload
    statement = by_text(workload, 'u0."country" = $1')
    assert statement.parameter_types[0] == "pg_catalog.bpchar"
    assert {len(binding.values[0] or "") for binding in statement.bindings} == {2}
    assert by_text(workload, "WHERE email = $1 AND is_active = $2").parameter_types[0] == "public.citext"
    assert "public.mood" in by_text(workload, "u.mood = $").parameter_types
    assert "public.positive" in by_text(workload, "SET mood = $1, score = $2").parameter_types
    assert by_text(workload, "during @> $1::timestamptz").parameter_types == ("pg_catalog.timestamptz",)
    assert by_text(workload, "seats @> $1").parameter_types[0] == "pg_catalog.int4"


def test_same_text_for_two_tenants(loaded: Loaded) -> None:
    """A text without schemas is resolved under the role's own search_path."""
    workload = loaded.workload
    found = {
        statement.relations[0].schema
        for statement in workload.statements
        if statement.original.startswith("SELECT plan FROM accounts")
    }
    assert found == {"tenant_a", "tenant_b"}


def test_text_that_fits_two_schemas_is_planned_for_both(loaded: Loaded) -> None:
    """Without a configured path nothing tells the schema: every one that has the tables counts, with its share."""
    row = next(row for row in loaded.snapshot.statements if row.query and "FROM accounts WHERE id" in row.query)
    workload = read(loaded, statements=(replace(row, role="somebody", calls=10),), sessions=())
    assert {statement.relations[0].schema: statement.calls for statement in workload.statements} == {
        "tenant_a": 5.0,
        "tenant_b": 5.0,
    }
    assert len({statement.key for statement in workload.statements}) == 2


def test_foreign_key_triggers_stay(loaded: Loaded) -> None:
    """The check that scans order_items for every deleted order shows the missing index."""
    workload = loaded.workload
    found = [s for s in workload.statements if s.kind == "delete" and 'FROM ONLY "public"."order_items"' in s.original]
    assert len(found) == 1
    assert RelationName("public", "order_items") in found[0].relations


def test_variables_of_functions_become_parameters(loaded: Loaded) -> None:
    workload = loaded.workload
    statement = next(s for s in workload.statements if "user_id = p_user" in s.original)
    assert statement.parameter_types == ("pg_catalog.int8", "pg_catalog.timestamptz")
    assert any("p_user" in note for note in statement.notes)


def test_inner_queries_of_wrappers_count_once(loaded: Loaded) -> None:
    workload = loaded.workload
    for wrapper in ("EXPLAIN", "CREATE TABLE AS", "SELECT INTO", "COPY"):
        found = [s for s in workload.statements if f"the query inside {wrapper}" in s.notes]
        assert found, wrapper
    assert sum("mood" in s.text and "id < " in s.text and "email" in s.text for s in workload.statements) == 1


@pytest.mark.parametrize(
    "text", ["SELECT id FROM orders WHERE user_id = $1 AND total > (SELECT avg(total) FROM orders)"]
)
def test_results_of_subqueries_are_no_parameters(loaded: Loaded, text: str) -> None:
    """Up to 16 EXPLAIN prints the result of an InitPlan as $0, like a parameter."""
    with planning(loaded.dsn) as session:
        meetings, plan = meetings_of_plan(session, text, ("pg_catalog.int8",), ("public",))
    assert "InitPlan" in json.dumps(plan)
    assert {(meeting.parameter, meeting.column) for meeting in meetings} == {(1, "user_id")}


def test_parameters_of_a_partitioned_table(loaded: Loaded) -> None:
    """A generic plan with NULLs would prune every partition; the columns are found all the same."""
    text = "SELECT id FROM events WHERE tenant_id = $1 AND occurred_at >= $2 AND occurred_at < $3"
    types = ("pg_catalog.int4", "pg_catalog.timestamptz", "pg_catalog.timestamptz")
    with planning(loaded.dsn) as session:
        meetings, _ = meetings_of_plan(session, text, types, ("public",))
    assert {(m.parameter, m.column, m.operator) for m in meetings} == {
        (1, "tenant_id", "="),
        (2, "occurred_at", ">="),
        (3, "occurred_at", "<"),
    }
