"""Which indexes are considered for which condition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.index_search.candidates import collect_candidates
from advisor.index_search.ddl import body_sql
from advisor.index_search.facts import Facts
from advisor.index_search.options import SearchOptions
from advisor.model.lookup import Catalog
from advisor.model.server import Extension
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding
from tests.search.fake import columns, index, snapshot, statement, statistics, table

PLAIN = columns(
    "t", id="int8", a="int8", b="int8", at="timestamptz", flag="bool", gone="timestamptz", status="text", name="text",
    tags="_text", doc="jsonb", vec="tsvector",
)  # fmt: skip
STATISTICS = [
    statistics("t", "a", 5000),
    statistics("t", "b", 50),
    statistics("t", "at", -1.0, correlation=0.999),
    statistics("t", "flag", 2, most_common_vals="{f,t}", most_common_freqs=(0.97, 0.03)),
    statistics("t", "gone", -0.02, null_frac=0.98),
    statistics("t", "status", 3, most_common_vals="{done,new,bad}", most_common_freqs=(0.9, 0.06, 0.04)),
    statistics("t", "name", -0.9),
]


def shot() -> Snapshot:
    made = snapshot(
        [table("t", rows=1_000_000, pages=20_000, relallvisible=20_000)],
        PLAIN,
        [index("t_pkey", "t", "id", is_unique=True, is_primary=True, constraint="t_pkey")],
        STATISTICS,
    )
    trgm = Extension(name="pg_trgm", version="1.6", schema="public", default_version="1.6")
    return replace(made, extensions=(trgm,))


SHOT = shot()


def considered(sql: str, *bindings: Binding) -> set[str]:
    catalog = Catalog(SHOT)
    facts = Facts(SHOT, catalog, SearchOptions())
    pool = collect_candidates([statement(catalog, "q", sql, 1, bindings)], facts)
    return {body_sql(candidate) for candidate in pool.all}


def value(text: str) -> Binding:
    return Binding(values=(text,), weight=1.0)


CASES = [
    ("select * from t where a = $1 and b = $2", {"(a, b)", "(a)", "(b)"}, {"(at)"}),
    ("select * from t where a = $1 and at > $2", {"(a, at)", "(at)"}, {"(at, a)"}),
    ("select * from t where a = $1 order by at desc limit 5", {"(a, at)", "(at)"}, {"(at, a)"}),
    ("select * from t where a = $1 order by at desc, b limit 5", {"(a, at DESC, b)"}, set()),
    ("select * from t order by at desc nulls last limit 5", {"(at DESC NULLS LAST)"}, set()),
    ("select * from t where flag order by at limit 5", {"(at) WHERE flag"}, {"(flag)", "(flag, at)"}),
    ("select * from t where not flag and a = 1", {"(a)"}, {"(a) WHERE NOT flag"}),
    ("select * from t where status = 'new' order by at", {"(at) WHERE status = 'new'", "(status, at)"}, set()),
    ("select * from t where status = 'done' and a = 1", {"(a)"}, {"(a) WHERE status = 'done'", "(status, a)"}),
    ("select * from t where status in ('new', 'bad') and at > $1", {"(at) WHERE status IN ('new', 'bad')"}, set()),
    ("select * from t where status <> 'done' and at > $1", {"(at) WHERE status <> 'done'"}, set()),
    ("select * from t where gone is null and a = 1", {"(a)"}, {"(a) WHERE gone IS NULL", "(gone)"}),
    ("select * from t where gone is not null and a = 1", {"(a) WHERE gone IS NOT NULL"}, set()),
    ("select * from t where gone < $1", {"(gone)", "(gone) WHERE gone IS NOT NULL"}, set()),
    ("select * from t where lower(name) = $1", {"((lower(name)))"}, {"(name)"}),
    ("select * from t where name like 'ab%'", {"(name text_pattern_ops)"}, {"(name)"}),
    ("select * from t where name like '%ab%'", {"USING gin (name public.gin_trgm_ops)"}, {"(name text_pattern_ops)"}),
    ("select * from t where name ilike $1", {"USING gin (name public.gin_trgm_ops)"}, set()),
    ("select * from t where b = $1 and name like 'ab%'", {"(b, name text_pattern_ops)"}, set()),
    (
        "select * from t where not flag and name like 'ab%'",
        {"(name text_pattern_ops)"},
        {"(flag, name text_pattern_ops)"},
    ),
    ("select * from t where tags @> $1", {"USING gin (tags)"}, {"(tags)"}),
    ("select * from t where doc @> $1", {"USING gin (doc jsonb_path_ops)", "USING gin (doc)"}, {"(doc)"}),
    ("select * from t where doc ? 'k'", {"USING gin (doc)"}, {"USING gin (doc jsonb_path_ops)"}),
    ("select * from t where doc ->> 'k' = $1", {"((doc ->> 'k'))"}, {"(doc)"}),
    ("select * from t where vec @@ $1", {"USING gin (vec)"}, set()),
    (
        "select * from t where to_tsvector('english', name) @@ $1",
        {"USING gin ((to_tsvector('english', name)))"},
        {"((to_tsvector('english', name)))"},
    ),
    ("select * from t where at > $1", {"(at)", "USING brin (at) WITH (pages_per_range=32)"}, set()),
    ("select b from t where a = $1", {"(a) INCLUDE (b)", "(a)"}, set()),
    ("select * from t where a = 1 or name = 'x'", {"(a)", "(name)"}, {"(a, name)"}),
    ("select max(at) from t where a = $1", {"(a, at)"}, set()),
    ("select * from t where (at, id) < ($1, $2) order by at desc, id desc limit 9", {"(at, id)"}, set()),
    ("select * from t where id = $1", set(), {"(id)"}),
]


@pytest.mark.parametrize(("sql", "wanted", "unwanted"), CASES, ids=[case[0] for case in CASES])
def test_candidates(sql: str, wanted: set[str], unwanted: set[str]) -> None:
    found = considered(sql)
    assert wanted <= found
    assert not unwanted & found


def test_the_values_asked_for_decide_about_flags() -> None:
    assert "(status)" in considered("select * from t where status = $1", value("bad"))
    assert "(status)" not in considered("select * from t where status = $1", value("done"))
    assert "(status, at)" in considered("select * from t where status = $1 order by at limit 5", value("new"))
    assert "(status, at)" not in considered("select * from t where status = $1 order by at limit 5", value("done"))
    assert "(a) WHERE status = 'new'" not in considered("select * from t where status = $1 and a = 1", value("new"))


@pytest.mark.parametrize(("condition", "recorded", "predicate"), [("b = $1", "3", "b = 3"), ("flag = $1", "t", "flag")])
def test_recorded_values_are_written_as_people_do(condition: str, recorded: str, predicate: str) -> None:
    catalog = Catalog(SHOT)
    one = statement(catalog, "q", f"select * from t where {condition} order by at", 1, (value(recorded),))
    pool = collect_candidates([replace(one, repeated=((1, recorded, 9),))], Facts(SHOT, catalog, SearchOptions()))
    assert f"(at) WHERE {predicate}" in {body_sql(candidate) for candidate in pool.literal}


def test_patterns_are_judged_by_their_values() -> None:
    assert "(name text_pattern_ops)" in considered("select * from t where name like $1", value("ab%"))
    assert "(name text_pattern_ops)" not in considered("select * from t where name like $1", value("%ab"))
