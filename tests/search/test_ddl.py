"""Scripts: names, quoting, partitioned tables, undo."""

from __future__ import annotations

from dataclasses import replace

from advisor.index_search.ddl import Names, create_sql, short_sql
from advisor.index_search.planner import Candidate
from advisor.model.catalog import IndexColumn, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from tests.search.fake import columns, index, snapshot, table


def candidate(relation: str, *keys: IndexColumn, **options: object) -> Candidate:
    method = str(options.pop("method", "btree"))
    return Candidate(table=RelationName("public", relation), access_method=method, columns=keys, **options)


def key(name: str, **options: object) -> IndexColumn:
    return IndexColumn(column=name, **options)


def scripts(catalog: Catalog, one: Candidate) -> tuple[str, str, str]:
    return create_sql(one, Names(catalog), catalog)


CATALOG = Catalog(
    snapshot(
        [table("orders"), table('Odd "name"')],
        [*columns("orders", id="int8", status="text", at="timestamptz"), *columns('Odd "name"', select="int8")],
        [index("orders_status_idx", "orders", "status")],
    )
)


def test_plain_and_taken_names() -> None:
    one = candidate("orders", key("status"), key("at", descending=True, nulls_first=True))
    assert scripts(CATALOG, one) == (
        "orders_status_at_idx",
        "CREATE INDEX CONCURRENTLY orders_status_at_idx ON public.orders (status, at DESC)",
        "DROP INDEX CONCURRENTLY public.orders_status_at_idx",
    )
    assert scripts(CATALOG, candidate("orders", key("status")))[0] == "orders_status_idx1"


def test_everything_a_definition_can_have() -> None:
    one = candidate(
        "orders",
        key("at", nulls_first=True),
        IndexColumn(column=None, expression="lower(status)"),
        key("status", opclass=RelationName("pg_catalog", "text_pattern_ops"), opclass_is_default=False),
        include=("id",),
        predicate="status <> 'x'",
    )
    assert short_sql(one) == (
        "CREATE INDEX ON public.orders (at NULLS FIRST, (lower(status)), status text_pattern_ops) "
        "INCLUDE (id) WHERE status <> 'x'"
    )
    trigrams = key("status", opclass=RelationName("ext", "gin_trgm_ops"), opclass_is_default=False)
    assert short_sql(candidate("orders", trigrams, method="gin")) == (
        "CREATE INDEX ON public.orders USING gin (status ext.gin_trgm_ops)"
    )


def test_hostile_names_are_quoted_and_cut_by_bytes() -> None:
    one = candidate('Odd "name"', key("select"))
    name, ddl, _ = scripts(CATALOG, one)
    assert ddl == 'CREATE INDEX CONCURRENTLY "Odd ""name""_select_idx" ON public."Odd ""name""" ("select")'
    long = snapshot([table("ж" * 31)], columns("ж" * 31, **{"ü" * 31: "int8"}))
    name, ddl, _ = scripts(Catalog(long), candidate("ж" * 31, key("ü" * 31)))
    assert len(name.encode()) <= 63 and name.endswith("_idx")


def partition(name: str, parent: str, kind: str = "r") -> Table:
    return table(name, kind=kind, parent=RelationName("public", parent), is_partition=True)


def test_partitioned_tables_are_built_part_by_part() -> None:
    tables = [
        table("e", kind="p", partition_strategy="r"), partition("e1", "e"), partition("e2", "e", "p"),
        partition("e2a", "e2"), partition("e3", "e", "f"),
    ]  # fmt: skip
    catalog = Catalog(snapshot([replace(t, oid=n) for n, t in enumerate(tables)], columns("e", at="timestamptz")))
    _, ddl, undo = scripts(catalog, candidate("e", key("at")))
    assert ddl.split(";\n") == [
        "CREATE INDEX e_at_idx ON ONLY public.e (at)",
        "CREATE INDEX CONCURRENTLY e1_at_idx ON public.e1 (at)",
        "ALTER INDEX public.e_at_idx ATTACH PARTITION public.e1_at_idx",
        "CREATE INDEX e2_at_idx ON ONLY public.e2 (at)",
        "CREATE INDEX CONCURRENTLY e2a_at_idx ON public.e2a (at)",
        "ALTER INDEX public.e2_at_idx ATTACH PARTITION public.e2a_at_idx",
        "ALTER INDEX public.e_at_idx ATTACH PARTITION public.e2_at_idx",
    ]
    assert undo == "DROP INDEX public.e_at_idx"
