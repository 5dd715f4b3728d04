"""Indexes to drop: what goes, what stays, what is said."""

from __future__ import annotations

from dataclasses import replace

from advisor.index_search import advise_drops
from advisor.index_search.drops import drop_notes
from advisor.model.catalog import Constraint, Index
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from tests.search.fake import FakePlanner, columns, index, snapshot, statement, table, workload

COLUMNS = columns("t", id="int8", a="int8", b="int8", c="int8")


def shot(*indexes: Index, days: float = 40, constraints: tuple[Constraint, ...] = ()) -> Snapshot:
    numbered = [replace(one, oid=100 + place) for place, one in enumerate(indexes)]
    return snapshot([table("t"), table("p")], COLUMNS, numbered, constraints=constraints, days=days)


def kinds(snap: Snapshot) -> dict[str, str]:
    return {drop.index.name: drop.kind for drop in advise_drops(snap, Catalog(snap), None, None)}


def test_a_duplicate_keeps_what_a_constraint_needs() -> None:
    key = index("t_a_key", "t", "a", is_unique=True, constraint="t_a_key")
    assert kinds(shot(index("first", "t", "a"), key, index("second", "t", "a"))) == {
        "first": "duplicate",
        "second": "duplicate",
    }
    assert kinds(shot(index("first", "t", "a"), index("second", "t", "a"))) == {"second": "duplicate"}


def test_different_rows_or_order_are_no_duplicates() -> None:
    partial = index("part", "t", "a", predicate="b > 0")
    assert kinds(shot(index("whole", "t", "a"), partial)) == {}


def test_a_prefix_is_redundant_one_by_one() -> None:
    found = kinds(shot(index("a", "t", "a"), index("ab", "t", "a", "b"), index("abc", "t", "a", "b", "c")))
    assert found == {"a": "redundant", "ab": "redundant"}
    assert kinds(shot(index("b", "t", "b"), index("ab", "t", "a", "b"))) == {}
    unique = index("a", "t", "a", is_unique=True)
    assert kinds(shot(unique, index("ab", "t", "a", "b"))) == {}


def test_a_prefix_of_an_unused_index_stays() -> None:
    assert kinds(shot(index("a", "t", "a"), index("ab", "t", "a", "b", idx_scan=0))) == {"ab": "unused"}


def test_unused_needs_a_window_and_no_other_duty() -> None:
    unused = index("lazy", "t", "c", idx_scan=0)
    assert kinds(shot(unused)) == {"lazy": "unused"}
    assert kinds(shot(unused, days=3)) == {}
    assert "before they cover 7" in drop_notes(shot(unused, days=3))[0]
    snap = shot(unused, days=10)
    assert advise_drops(snap, Catalog(snap), None, None)[0].confidence == "medium"
    for duty in ({"is_unique": True}, {"is_replica_identity": True}, {"constraint": "x"}, {"extension": "x"}):
        assert kinds(shot(index("lazy", "t", "c", idx_scan=0, **duty))) == {}
    foreign = Constraint(
        table=RelationName("public", "t"), name="fk", type="f", columns=("c",), definition="",
        references=RelationName("public", "p"),
    )  # fmt: skip
    assert kinds(shot(unused, constraints=(foreign,))) == {}


def test_partitions_roll_up() -> None:
    parent = index("p_c", "t", "c", idx_scan=None, is_partitioned=True, size_bytes=None)
    part = index("p1_c", "p", "c", idx_scan=3, parent=RelationName("public", "p_c"))
    assert kinds(shot(parent, part)) == {}
    idle = replace(part, idx_scan=0)
    snap = shot(parent, idle)
    drops = advise_drops(snap, Catalog(snap), None, None)
    assert [(d.index.name, d.size_bytes) for d in drops] == [("p_c", 1 << 20)]
    assert drops[0].ddl == "DROP INDEX public.p_c"


def test_invalid_leftovers() -> None:
    broken = index("t_a_idx_ccnew1", "t", "a", is_valid=False)
    building = index("growing", "t", "b", is_valid=False, being_built=True)
    snap = shot(broken, building)
    (drop,) = advise_drops(snap, Catalog(snap), None, None)
    assert drop.index.name == "t_a_idx_ccnew1" and drop.kind == "invalid" and "REINDEX" in drop.reason


def test_the_undo_builds_it_again_concurrently() -> None:
    snap = shot(index("first", "t", "a"), index("Odd", "t", "a"))
    (drop,) = advise_drops(snap, Catalog(snap), None, None)
    assert drop.ddl == 'DROP INDEX CONCURRENTLY public."Odd"'
    assert drop.undo_ddl.startswith("CREATE INDEX CONCURRENTLY Odd ON public.t")


def test_a_drop_is_planned_before_it_is_advised() -> None:
    snap = shot(index("a", "t", "a"), index("ab", "t", "a", "b"), index("lazy", "t", "c", idx_scan=0))
    catalog = Catalog(snap)

    def costs(key: str, on: frozenset[str]) -> tuple[float, set[str]]:
        needs = {"q": "-public.a", "r": "-public.lazy"}[key]
        return (100.0 if needs in on else 10.0), set()

    load = workload(
        statement(catalog, "q", "select * from t where a = 1"), statement(catalog, "r", "select * from t where c = 1")
    )
    drops = advise_drops(snap, catalog, load, FakePlanner(costs))
    assert [drop.index.name for drop in drops] == ["a"]  # a statement wants the "unused" one
    assert drops[0].checked == 2 and drops[0].confidence == "medium"
    assert [(h.cost_before, h.cost_after) for h in drops[0].hurt] == [(10.0, 100.0)]
