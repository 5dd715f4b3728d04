"""Candidate indexes in the twin: planned as the really built index would be, switched without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from advisor.connect import open_connection
from advisor.index_search.planner import Candidate, Plan, PlanFailed
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName
from advisor.whatif import WhatIf
from advisor.whatif.ddl import candidate_ddl
from advisor.whatif.fidelity import explain_on_server
from advisor.whatif.plans import nodes, shape
from tests.whatif.conftest import point_at, requests, statement, take_snapshot, twin_of

pytestmark = pytest.mark.server

MAJORS = (15, 18)
PATH = ("shop", "public")


def column(name: str, **more: object) -> IndexColumn:
    return IndexColumn(column=name, **more)  # type: ignore[arg-type]


def index(table: str, *columns: IndexColumn | str, method: str = "btree", **more: object) -> Candidate:
    keys = tuple(column(c) if isinstance(c, str) else c for c in columns)
    return Candidate(table=RelationName("shop", table), access_method=method, columns=keys, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Pair:
    """A candidate and a statement that should use it; tolerance of the cost against the built index."""

    candidate: Candidate
    text: str
    tolerance: float = 0.03


PAIRS = (
    Pair(index("orders", "total"), "select * from orders where total = 77.25"),
    Pair(
        index("orders", "total", "placed", include=("st",)),
        "select st from orders where total = 5.25 and placed > '2024-06-01'",
    ),
    Pair(index("orders", "note", predicate="note is not null"), "select * from orders where note = 'nnnn'"),
    Pair(index("customers", "code", "born"), "select * from customers where code = 'c7' and born > '1990-01-01'"),
    Pair(
        index(
            "customers",
            column("name", opclass=RelationName("pg_catalog", "varchar_pattern_ops"), opclass_is_default=False),
        ),
        "select * from customers where name like 'Name 12%'",
    ),
    Pair(index("customers", "seen"), "select * from customers order by seen limit 5"),
    Pair(
        index("customers", column("balance", descending=True, nulls_first=True)),
        "select * from customers order by balance desc limit 9",
    ),
    Pair(
        index("customers", IndexColumn(column=None, expression="upper(name)")),
        "select * from customers where upper(name) = 'NAME 7'",
    ),
    Pair(
        index("customers", IndexColumn(column=None, expression="profile ->> 'k'")),
        "select * from customers where profile ->> 'k' = 'v3'",
        0.6,
    ),
    Pair(index("customers", "attrs", method="gin"), "select * from customers where attrs @> 'a=>3'", 0.15),
    Pair(index("customers", "ip", method="spgist"), "select * from customers where ip << '10.7.0.0/16'", 0.25),
    Pair(index("orders", "customer_id", method="hash"), "select * from orders where customer_id = 7"),
    Pair(
        index("cache", "expires", method="brin", reloptions=("pages_per_range=8",)),
        "select count(*) from cache where expires < '2024-01-01 00:20'",
    ),
    Pair(index("events", "payload"), "select * from events where payload = 'abc'"),
    Pair(index("cache", "expires"), "delete from cache where expires < '2024-01-01 00:20'"),
)


@pytest.fixture(params=MAJORS, scope="module")
def engine(request: pytest.FixtureRequest, seeded: Callable[[int], str]) -> Iterator[tuple[WhatIf, str]]:
    """One twin for all tests of a major: what one test switches must not be seen by the next."""
    dsn = seeded(request.param)
    with pytest.MonkeyPatch.context() as patch:
        point_at(patch, request.param)
        with twin_of(take_snapshot(dsn)) as opened:
            yield opened, dsn


def plans(engine: WhatIf, texts: list[str], **switches: frozenset[str]) -> list[Plan]:
    answers = engine.planner.plan_many(requests([statement(text, path=PATH) for text in texts]), **switches)
    assert all(isinstance(answer, Plan) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Plan)]


def test_candidates_plan_like_built_indexes(engine: tuple[WhatIf, str]) -> None:
    twin, dsn = engine
    prepared = twin.planner.prepare([pair.candidate for pair in PAIRS])
    assert [one.error for one in prepared] == [None] * len(PAIRS)
    wrong = []
    for pair, one in zip(PAIRS, prepared, strict=True):
        ours = plans(twin, [pair.text], on=frozenset({one.handle}))[0]
        with psycopg.connect(dsn) as connection:
            # Built for real, in a transaction that is rolled back.
            connection.execute("set search_path = shop, public")
            connection.execute(candidate_ddl(pair.candidate, "really_built").encode())
            if any(c.expression is not None for c in pair.candidate.columns):
                connection.execute(f"analyze {pair.candidate.table}".encode())
            row = connection.execute(f"explain (format json) {pair.text}".encode()).fetchone()
            assert row is not None
            real = row[0][0]["Plan"]
            connection.rollback()
        error = abs(ours.total_cost - real["Total Cost"]) / real["Total Cost"]
        if [n["Node Type"] for n, _ in nodes(ours.tree)] != [n["Node Type"] for n, _ in nodes(real)]:
            wrong.append(f"{pair.text}: another plan")
        elif error > pair.tolerance:
            wrong.append(f"{pair.text}: {ours.total_cost} against {real['Total Cost']}")
        assert one.handle in ours.used, pair.text
    assert wrong == []


def test_switching_leaves_no_trace(engine: tuple[WhatIf, str]) -> None:
    """A session that has planned over the table before sees the candidate at once, and never afterwards."""
    twin, _ = engine
    text = "select * from orders where total = 77.25"
    before = plans(twin, [text])[0]
    one = twin.planner.prepare([index("orders", "total")])[0]
    assert plans(twin, [text])[0].tree == before.tree  # prepared is not switched on
    on = plans(twin, [text], on=frozenset({one.handle}))[0]
    assert one.handle in on.used and on.total_cost < before.total_cost
    assert plans(twin, [text])[0].tree == before.tree
    for _ in range(3):
        assert plans(twin, [text], on=frozenset({one.handle}))[0].tree == on.tree
        assert plans(twin, [text])[0].tree == before.tree


def test_later_candidates_change_nothing_else(engine: tuple[WhatIf, str]) -> None:
    """Creating an index empties and resizes its table; every other answer must stay as it was."""
    twin, _ = engine
    texts = [
        "select count(*) from orders",
        "select * from orders where customer_id = 7",
        "select max(placed) from orders",
    ]
    before = plans(twin, texts)
    first = twin.planner.prepare([index("orders", "st", "total")])
    second = twin.planner.prepare([index("orders", "note"), index("orders", "st", "total")])
    assert second[1] == first[0]
    assert [p.tree for p in plans(twin, texts)] == [p.tree for p in before]


def test_existing_indexes_can_be_hidden(engine: tuple[WhatIf, str]) -> None:
    twin, _ = engine
    text = "select * from customers where email = 'user77@ex0.org'"
    usual = plans(twin, [text])[0]
    assert usual.used == {"shop.customers_email_key"}
    without = plans(twin, [text], hidden=frozenset({"shop.customers_email_key"}))[0]
    assert without.tree["Node Type"] == "Seq Scan" and without.total_cost > 10 * usual.total_cost
    assert plans(twin, [text])[0].tree == usual.tree


def test_a_partitioned_index_is_hidden_with_its_partitions(engine: tuple[WhatIf, str]) -> None:
    twin, _ = engine
    text = "select * from events where user_id = 77"
    usual = plans(twin, [text])[0]
    assert usual.used == {"shop.events_user"}  # partitions' own indexes are reported as their parent
    without = plans(twin, [text], hidden=frozenset({"shop.events_user"}))[0]
    assert "shop.events_user" not in without.used and without.total_cost > usual.total_cost


def test_hiding_a_conflict_target_fails_for_that_statement_only(engine: tuple[WhatIf, str]) -> None:
    twin, _ = engine
    upsert = statement("insert into empty_table values (1, 'x') on conflict (id) do nothing", path=PATH)
    read = statement("select * from empty_table where id = 3", path=PATH)
    answers = twin.planner.plan_many(requests([upsert, read, upsert]), hidden=frozenset({"shop.empty_table_pkey"}))
    assert [type(a) for a in answers] == [PlanFailed, Plan, PlanFailed]
    assert isinstance(answers[1], Plan) and answers[1].used == frozenset()


def test_candidates_are_not_unique(engine: tuple[WhatIf, str]) -> None:
    """A unique index over an empty table always builds; taken for unique it would remove joins."""
    twin, _ = engine
    one = twin.planner.prepare([index("items", "order_id")])[0]
    text = "select o.id from orders o left join items i on i.order_id = o.id"
    plan = plans(twin, [text], on=frozenset({one.handle}))[0]
    assert any("Join" in node["Node Type"] or node["Node Type"] == "Nested Loop" for node, _ in nodes(plan.tree))


def test_refused_candidates_say_why(engine: tuple[WhatIf, str]) -> None:
    twin, _ = engine
    refused = twin.planner.prepare(
        [
            index("orders", "no_such_column"),
            index("orders", "note", method="gin"),
            index("no_such_table", "id"),
            index("orders", IndexColumn(column=None, expression="random()")),
            index("orders", "st", predicate="placed > now()"),
        ]
    )
    assert all(one.error for one in refused)
    assert "no_such_column" in (refused[0].error or "")
    assert plans(twin, ["select count(*) from orders"])[0].total_cost > 0


def test_partial_candidate_covers_only_its_rows(engine: tuple[WhatIf, str]) -> None:
    twin, _ = engine
    whole, part = twin.planner.prepare(
        [index("orders", "placed", "id"), index("orders", "placed", "id", predicate="st = 'new'")]
    )
    assert 0 < part.rows < 0.05 * whole.rows
    assert part.size_bytes < 0.1 * whole.size_bytes


def test_sizes_are_near_those_of_built_indexes(engine: tuple[WhatIf, str]) -> None:
    twin, dsn = engine
    candidates = [
        index("orders", "total"), index("orders", "placed"), index("orders", "customer_id"), index("orders", "st"),
        index("orders", "customer_id", "total"), index("orders", "placed", "total", include=("note",)),
        index("customers", "uid"), index("customers", "name"), index("customers", "email"), index("customers", "born"),
        index("customers", "code", "country"), index("customers", "ip"), index("customers", "active"),
        index("customers", "deleted_at"), index("customers", "score"), index("items", "product_id", "qty"),
        index("items", "price"), index("items", "qty"), index("products", "name"), index("events", "ts"),
    ]  # fmt: skip
    prepared = twin.planner.prepare(candidates)
    far = []
    for one in prepared:
        with psycopg.connect(dsn) as connection:
            connection.execute(candidate_ddl(one.candidate, "really_built").encode())
            row = connection.execute(
                "select coalesce(sum(pg_relation_size(relid)), 0)::int8 from pg_partition_tree('shop.really_built')"
            ).fetchone()
            assert row is not None
            size = row[0]
            if size == 0:
                row = connection.execute("select pg_relation_size('shop.really_built')").fetchone()
                assert row is not None
                size = row[0]
            connection.rollback()
        # Small trees differ by whole pages.
        if abs(one.size_bytes - size) > max(0.05 * size, 3 * 8192):
            far.append(f"{candidate_ddl(one.candidate, 'x')}: {one.size_bytes} against {size}")
    assert len(far) <= 2, far


def test_same_plans_with_the_server_after_a_switch(engine: tuple[WhatIf, str]) -> None:
    """Switching did not change what the twin answers without switches."""
    twin, dsn = engine
    one = twin.planner.prepare([index("customers", "country", "code")])[0]
    text = "select * from customers where country = 'DE' and code = 'c7'"
    plans(twin, [text], on=frozenset({one.handle}), hidden=frozenset({"shop.customers_country_created"}))
    with open_connection(dsn) as connection:
        real = explain_on_server(connection, requests([statement(text, path=PATH)]))[0]
    assert real is not None
    assert shape(real) == shape(plans(twin, [text])[0].tree)
