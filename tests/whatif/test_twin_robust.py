"""What a twin cannot have is listed and costs only itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from advisor.index_search.planner import Plan
from advisor.model.names import RelationName
from advisor.whatif import WhatIf
from tests.conftest import binaries_for
from tests.whatif.conftest import requests, statement, take_snapshot, twin_of

pytestmark = pytest.mark.server

Make = Callable[..., str]


def fill(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())


def plan(engine: WhatIf, text: str, path: tuple[str, ...] = ("public",)) -> Plan:
    answer = engine.planner.plan_many(requests([statement(text, path=path)]))[0]
    assert isinstance(answer, Plan), f"{text}: {answer}"
    return answer


def node_types(plan: Plan) -> set[str]:
    found = {plan.tree["Node Type"]}
    return found | {child["Node Type"] for child in plan.tree.get("Plans", ())}


def test_an_empty_database(major: int, make_database: Make, use_major: Callable[[int], None]) -> None:
    use_major(major)
    with twin_of(take_snapshot(make_database(major))) as engine:
        assert engine.degraded == ()
        assert plan(engine, "select 1").total_cost == 0.01


def test_missing_extensions_and_icu_leave_the_tables_whole(
    make_database: Make, use_major: Callable[[int], None]
) -> None:
    """The embedded PostgreSQL 18 has no pgcrypto, no uuid-ossp and no ICU."""
    dsn = make_database(15)
    fill(
        dsn,
        """
        create extension pgcrypto; create extension "uuid-ossp";
        create collation blurred (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        create function hashed(t text) returns text language sql immutable
          as $$ select encode(public.digest(t, 'sha1'), 'hex') $$;
        create table a (
          id uuid primary key default uuid_generate_v4(),
          h text default encode(digest('x', 'sha1'), 'hex'), e text,
          g text generated always as (hashed('x')) stored, n text collate "de-x-icu", b text collate blurred
        );
        create index a_hashed on a (hashed(e));
        create index a_n on a (n);
        create view v as select crypt(e, 'x') as c, id from a;
        insert into a (e, n, b) select 'e' || i, 'n' || i, 'b' || i % 5 from generate_series(1, 4000) i;
        analyze a;
        """,
    )
    use_major(18)
    with twin_of(take_snapshot(dsn), twin_major=18) as engine:
        lines = "\n".join(engine.degraded)
        assert "extension pgcrypto" in lines and "extension uuid-ossp" in lines
        assert 'collation pg_catalog."de-x-icu"' in lines and "collation public.blurred" in lines
        assert "table public.a" not in lines and "index" not in lines.replace("index methods", "")
        assert plan(engine, "select * from a where hashed(e) = 'x'").used == {"public.a_hashed"}
        assert plan(engine, "select * from a where n = 'n7'").used == {"public.a_n"}
        assert plan(engine, "select * from v where id is not null").rows == 4000


def test_types_of_a_missing_extension_become_stand_ins(
    make_database: Make, use_major: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from advisor.whatif.twin import database

    dsn = make_database(15)
    fill(
        dsn,
        """
        create extension ltree; create extension hstore;
        create table t (id int primary key, path ltree not null, attrs hstore, paths ltree[]);
        create index t_path on t using gist (path);
        insert into t select i, ('a.b' || i % 50)::ltree, hstore('k', i::text) from generate_series(1, 3000) i;
        analyze t;
        """,
    )
    use_major(15)
    snapshot = take_snapshot(dsn)
    # As if this server had neither.
    monkeypatch.setattr(database, "_UNWANTED_EXTENSIONS", frozenset({"plpgsql"}))
    monkeypatch.setattr(database, "create_extensions", lambda connection, snapshot: ("ltree", "hstore"))
    monkeypatch.setattr("advisor.whatif.twin.empty.create_extensions", lambda connection, snapshot: ("ltree", "hstore"))
    with twin_of(snapshot) as engine:
        assert any("index public.t_path" in line for line in engine.degraded)
        assert plan(engine, "select * from t where id = 5").used == {"public.t_pkey"}
        assert plan(engine, "select * from t where path @> 'a.b1'").total_cost > 0


@pytest.mark.parametrize(
    "options",
    [
        "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
        "encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0",
    ],
)
def test_encodings_and_locales(options: str, make_database: Make, use_major: Callable[[int], None]) -> None:
    """The encoding is production's; under the C locale LIKE uses a plain index, in the twin too."""
    dsn = make_database(15, options)
    fill(
        dsn,
        "create table t (id int primary key, v text); create index t_v on t (v);"
        " insert into t select i, 'v' || i from generate_series(1, 20000) i; analyze t",
    )
    if "SQL_ASCII" in options:
        with psycopg.connect(dsn, autocommit=True, client_encoding="latin1") as connection:
            connection.execute("update t set v = chr(64) || E'\\xe9\\xff' || id where id <= 300")
            connection.execute("analyze t")
    use_major(15)
    with twin_of(take_snapshot(dsn)) as engine:
        assert engine.degraded == ()
        assert plan(engine, "select * from t where v like 'v77%'").used == {"public.t_v"}


def test_a_locked_table_delays_nothing(make_database: Make, use_major: Callable[[int], None]) -> None:
    dsn = make_database(15)
    fill(dsn, "create table t (id int primary key); create table u (id int primary key); analyze")
    use_major(15)
    with psycopg.connect(dsn) as locker:
        locker.execute("lock table t in access exclusive mode")
        started = time.monotonic()
        snapshot = take_snapshot(dsn)
        assert time.monotonic() - started < 10
        locker.rollback()
    with twin_of(snapshot) as engine:
        assert plan(engine, "select * from u where id = 5").tree["Relation Name"] == "u"


def test_event_triggers_and_triggers_are_not_built(make_database: Make, use_major: Callable[[int], None]) -> None:
    dsn = make_database(15)
    fill(
        dsn,
        """
        create table t (id int primary key);
        create function row_change() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$;
        create trigger t_change before insert on t for each row execute function row_change();
        create function ddl_change() returns event_trigger language plpgsql
          as $$ begin raise exception 'no DDL'; end $$;
        create event trigger no_ddl on ddl_command_end execute function ddl_change();
        """,
    )
    use_major(15)
    with twin_of(take_snapshot(dsn)) as engine:
        assert engine.degraded == ()
        assert plan(engine, "insert into t values (1)").total_cost == 0.01


def test_foreign_tables_are_planned_without_connecting(make_database: Make, use_major: Callable[[int], None]) -> None:
    dsn = make_database(15)
    fill(
        dsn,
        """
        create extension postgres_fdw;
        create server far foreign data wrapper postgres_fdw options (host '192.0.2.1', dbname 'x');
        create user mapping for public server far options (user 'u', password 'secretpw');
        create foreign table f (id int, v text) server far options (table_name 'f', use_remote_estimate 'true');
        """,
    )
    snapshot = take_snapshot(dsn)
    assert "secretpw" not in str(snapshot) and "192.0.2.1" not in str(snapshot.schema_objects)
    use_major(15)
    with twin_of(snapshot) as engine:
        assert engine.degraded == ()
        assert node_types(plan(engine, "select * from f where id = 3")) == {"Foreign Scan"}


def test_only_what_is_touched_is_built(seeded: Callable[[int], str], use_major: Callable[[int], None]) -> None:
    """With foreign keys' targets, partitions, inheritance children and what views read."""
    use_major(15)
    snapshot = take_snapshot(seeded(15))
    names = {str(t.relation): t.relation for t in snapshot.tables}
    touched = frozenset({names["shop.open_by_country"], names["shop.events"], names["shop.base"], names["shop.items"]})
    with twin_of(snapshot, touched=touched) as engine:
        assert engine.degraded == ()
        for text in (
            "select * from open_by_country", "select * from events where id = 3", "select * from base",
            "select * from items i join products p on p.id = i.product_id",
        ):  # fmt: skip
            assert plan(engine, text, ("shop", "public")).total_cost > 0
        missing = engine.planner.plan_many(requests([statement("select * from bookings", path=("shop",))]))[0]
        assert not isinstance(missing, Plan)


def test_hostile_names_in_every_place(make_database: Make, use_major: Callable[[int], None]) -> None:
    dsn = make_database(15)
    fill(
        dsn,
        r"""
        create schema "a""b;--"; create role "r'ole %s";
        set search_path = "a""b;--";
        create type "T'ype %" as enum ('a''b', 'c"d', '%s', E'back\\slash');
        create domain "Dom""ain" as text default 'x''y' check (value <> '%s');
        create sequence "Se'q";
        create table "Ta'ble %s" ("Col'umn %s" int default nextval('"Se''q"') primary key,
          "e" "T'ype %", "d""d" "Dom""ain", "ünï" text, check ("Col'umn %s" > 0)) partition by range ("Col'umn %s");
        create table "Part'1" partition of "Ta'ble %s" for values from (1) to (10000);
        create index "In'dex %s" on "Ta'ble %s" (lower("ünï")) where "e" = 'a''b';
        create statistics "St'at" on "e", "ünï" from "Ta'ble %s";
        create view "Vi'ew" as select "Col'umn %s" as "%s" from "Ta'ble %s" where "ünï" like '%s';
        create policy "po'l" on "Part'1" to "r'ole %s" using ("ünï" = 'x');
        alter table "Part'1" enable row level security;
        insert into "Ta'ble %s" select i, (array['a''b', '%s', E'back\\slash'])[1 + i % 3]::"T'ype %", 'v', 'ü' || i
          from generate_series(1, 5000) i;
        analyze;
        """,
    )
    use_major(15)
    try:
        with twin_of(take_snapshot(dsn)) as engine:
            assert engine.degraded == ()
            path = ('a"b;--',)
            found = plan(engine, """select * from "Ta'ble %s" where lower("ünï") = 'ü7' and e = 'a''b'""", path)
            assert found.used == {'"a""b;--"."In\'dex %s"'}
            assert plan(engine, """select * from "Vi'ew" where "%s" = 5""", path).rows == 1
    finally:
        fill(dsn, """drop schema "a""b;--" cascade; drop role "r'ole %s" """)


def test_every_installed_major_has_binaries(major: int) -> None:
    assert binaries_for(major) is not None


def test_row_security_adds_its_conditions(make_database: Make, use_major: Callable[[int], None]) -> None:
    """A statement is planned as the role that runs it; without one, as the superuser the twin belongs to."""
    dsn = make_database(15)
    fill(
        dsn,
        """
        create role pgadvise_tenant;
        create table notes (id int primary key, owner text, body text);
        create index notes_owner on notes (owner);
        insert into notes select i, 'u' || i % 500, 'b' from generate_series(1, 20000) i;
        alter table notes enable row level security;
        create policy own on notes to pgadvise_tenant using (owner = current_setting('app.user', true));
        analyze notes;
        """,
    )
    use_major(15)
    snapshot = take_snapshot(dsn)
    fill(dsn, "drop policy own on notes; drop role pgadvise_tenant")
    plain = replace(statement("select * from notes"), relations=(RelationName("public", "notes"),))
    with twin_of(snapshot) as engine:
        assert engine.degraded == ()
        asked = requests([replace(plain, roles=("pgadvise_tenant",)), plain])
        for hidden in (frozenset(), frozenset({"public.notes_pkey"})):
            bound, free = engine.planner.plan_many(asked, hidden=hidden)
            assert isinstance(bound, Plan) and isinstance(free, Plan)
            assert bound.used == {"public.notes_owner"} and free.used == frozenset()
