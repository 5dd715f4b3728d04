"""The size model against indexes that were really built."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from advisor.index_search.planner import Candidate
from advisor.index_search.size import estimate_index_size
from advisor.model.lookup import Catalog
from tests.search.live import take_snapshot

SCHEMA = """
create extension if not exists pg_trgm;
create extension if not exists pageinspect;
create table people (
  id bigint primary key, email text, country char(2), city text, age int, score numeric(8,2), height float8,
  active boolean, born date, created_at timestamptz, seen timestamp, token uuid, note text, profile jsonb,
  tags text[], numbers int[], ip inet, body text, small smallint, parent_id bigint
);
insert into people
select i, 'user' || i || '@example' || i % 5 || '.org',
  (array['DE','US','FR','JP','BR'])[1 + (i * 7 % 25) / 5 * (i % 2)],
  'city ' || abs(hashint4(i)) % 900, 18 + abs(hashint4(i + 500000)) % 70, ((i * 131) % 50000) / 100.0,
  150 + random() * 60,
  i % 10 <> 0, date '1950-01-01' + (i * 17) % 20000,
  timestamptz '2024-01-01' + i * interval '1 minute',
  case when i % 3 = 0 then timestamp '2024-01-01' + (i * 7 % 90000) * interval '1 minute' end,
  md5(i::text)::uuid, case when i % 4 = 0 then repeat('n' || i % 1000, 1 + i % 9) end,
  jsonb_build_object('plan', (array['free','pro','team'])[1 + i % 3], 'n', i % 500, 'ref', 'r' || i),
  array['tag' || i % 40, 'tag' || (i::bigint * i) % 300, 'common'], array[i % 50, i % 7, (i % 30) * (i % 31)],
  ('10.' || i % 200 || '.' || (i / 200) % 250 || '.' || i % 250)::inet,
  'word' || i % 700 || ' text' || (i::bigint * i) % 900 || ' more' || i % 50 || ' of the running kind ' || md5(i::text),
  i % 300, case when i % 2 = 0 then (i * 7919) % 20000 end
from generate_series(1, 90000) i;
create table spans (id int, during tstzrange, quantity int4range);
insert into spans select i, tstzrange(timestamptz '2024-01-01' + (i * 37 % 50000) * interval '1 hour',
  timestamptz '2024-01-01' + (i * 37 % 50000 + 5) * interval '1 hour'), int4range((i * 11) % 9000, (i * 11) % 9000 + 20)
from generate_series(1, 40000) i;
create table readings (device int, at timestamptz, value real) partition by range (at);
create table readings_1 partition of readings for values from ('2024-01-01') to ('2024-02-01');
create table readings_2 partition of readings for values from ('2024-02-01') to ('2024-04-01');
insert into readings select (i * 31) % 400, timestamptz '2024-01-01' + i * interval '1 minute', i
from generate_series(1, 80000) i;
vacuum analyze people; vacuum analyze spans; analyze readings; vacuum analyze readings_1; vacuum analyze readings_2;
"""

BTREES = """
people (email)
people (country)
people (city)
people (age)
people (score)
people (height)
people (active)
people (born)
people (created_at)
people (seen)
people (token)
people (note)
people (ip)
people (small)
people (parent_id)
people (country, city)
people (city, age)
people (country, created_at desc)
people (active, country, age)
people (age, score)
people (email, id)
people (parent_id, created_at)
people (city) include (email)
people (age) include (country, city)
people (created_at) include (token, score)
people (email text_pattern_ops)
people (created_at) where not active
people (parent_id) where parent_id is not null
people (city, born) where country = 'DE'
people (seen, age)
people (token, created_at)
people (small, country, city)
readings (device)
readings (at)
readings (device, at)
people (note, city)
""".strip().splitlines()

OTHERS = """
people (lower(email))
people ((profile ->> 'plan'))
people ((profile ->> 'ref'))
people (((profile ->> 'n')::int))
people using hash (email)
people using brin (created_at)
people using brin (id) with (pages_per_range=16)
people using gin (tags)
people using gin (numbers)
people using gin (profile)
people using gin (profile jsonb_path_ops)
people using gin (email gin_trgm_ops)
people using gin (to_tsvector('english', body))
spans using gist (during)
spans using gist (quantity)
""".strip().splitlines()


@dataclass
class Measured:
    definition: str
    real: int
    estimated: int
    height: int

    @property
    def error(self) -> float:
        return self.estimated / self.real - 1


def build(connection: psycopg.Connection, definitions: list[str]) -> list[Measured]:
    """Build each index, and estimate it from a snapshot taken before it existed."""
    before = Catalog(take_snapshot(connection))
    measured = []
    for definition in definitions:
        table, _, rest = definition.partition(" ")
        connection.execute(f"create index probe on {table} {rest}")
        index = next(i for i in take_snapshot(connection).indexes if i.name == "probe")
        options = connection.execute("select reloptions from pg_class where relname = 'probe'").fetchone()[0] or ()
        rows = None
        if index.predicate:
            # What a planner with the same statistics would say of the predicate.
            plan = connection.execute(f"explain (format json) select 1 from {table} where {index.predicate}").fetchone()
            rows = float(plan[0][0]["Plan"]["Plan Rows"])
        candidate = Candidate(
            table=index.table, access_method=index.access_method, columns=index.columns, include=index.include,
            predicate=index.predicate, reloptions=tuple(options),
        )  # fmt: skip
        # A twin reads this from the metapage of the empty index: minor releases differ (char(n) on 15.20).
        deduplicates = None
        if index.access_method == "btree" and not index.is_partitioned:
            deduplicates = connection.execute("select allequalimage from bt_metap('probe')").fetchone()[0]
        size = estimate_index_size(candidate, before, rows, deduplicates)
        real = connection.execute(
            "select sum(pg_relation_size(relid)) / 8192 from pg_partition_tree('probe')"
            if index.is_partitioned
            else "select pg_relation_size('probe') / 8192"
        ).fetchone()[0]
        connection.execute("drop index probe")
        measured.append(Measured(definition, int(real), size.pages, size.height))
    return measured


def report(measured: list[Measured]) -> str:
    return "\n".join(f"{m.error:+7.1%} {m.real:6} {m.estimated:6} {m.definition}" for m in measured)


@pytest.mark.server
@pytest.mark.parametrize("major", [15, 18])
def test_sizes_of_built_indexes(make_database: Callable[..., str], major: int) -> None:
    with psycopg.connect(make_database(major), autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            if statement.strip():
                connection.execute(statement)
        trees = build(connection, BTREES)
        others = build(connection, OTHERS)
    errors = [abs(m.error) for m in trees]
    assert statistics.median(errors) < 0.02, report(trees)
    assert max(errors) < 0.15, report(trees)
    assert max(abs(m.error) for m in others) < 0.35, report(others)
    assert len(trees) + len(others) >= 40
