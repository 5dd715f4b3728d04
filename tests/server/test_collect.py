"""Collection on every major: by superusers and by roles with little, on full, empty and odd databases."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.collect import collect
from advisor.collect.reader import Reader
from advisor.collect.workload_views import collect_statements
from advisor.connect import open_connection
from advisor.model.names import RelationName
from advisor.model.snapshot import Gap, Snapshot, decode_snapshot, encode_snapshot
from tests.conftest import SERVER_SETTINGS, binaries_for, missing

pytestmark = pytest.mark.server
RICH = (Path(__file__).parent / "rich.sql").read_text()
WEIRD = RelationName("public", 'we"ird; drop table x')
ODD_SCHEMA = 'Odd.schema "x"'


@pytest.fixture
def make_role(clusters: Callable[[int], Cluster]) -> Iterator[Callable[..., str]]:
    """A function (major, database DSN, *grants with {role}) -> DSN of a new role; dropped after the test."""
    made: list[tuple[str, str]] = []

    def make(dsn: str, *grants: str) -> str:
        role = f"r_{uuid.uuid4().hex[:10]}"
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"create role {role} login")
            for grant in grants:
                admin.execute(grant.format(role=role))
        made.append((dsn, role))
        return dsn.replace("user=postgres", f"user={role}")

    yield make
    for dsn, role in made:
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(f"drop owned by {role}")
            admin.execute(f"drop role {role}")


@pytest.fixture
def rich(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(RICH)
    return database


def snapshot_of(dsn: str, **options: object) -> Snapshot:
    with open_connection(dsn) as connection:
        return collect(connection, **options)  # type: ignore[arg-type]


def flat(text: str) -> str:
    """The server starts a CASE on a new line; we do not."""
    return re.sub(r"\(\n\s*", "(", text)


def gap(snapshot: Snapshot, words: str) -> Gap:
    found = [g for g in snapshot.gaps if words in f"{g.what}: {g.why}"]
    assert len(found) == 1, f"{words!r} in {[g.what for g in snapshot.gaps]}"
    return found[0]


def test_superuser_reads_everything(rich: str, major: int) -> None:
    snapshot = snapshot_of(rich)
    assert snapshot.gaps == ()
    tables = {table.relation: table for table in snapshot.tables}
    weird = tables[WEIRD]
    assert weird.comment == 'it\'s a "comment"; drop table x'
    assert weird.counters is not None and weird.counters.n_live_tup == 1000
    assert weird.size_bytes and weird.indexes_bytes and not weird.size_is_estimate
    assert weird.total_bytes == weird.size_bytes + weird.indexes_bytes + (weird.toast_bytes or 0)
    assert weird.reltuples == 1000
    assert not any(table.name == "only_mine" for table in snapshot.tables)
    partition = tables[RelationName("public", "measure_2024")]
    assert (partition.kind, partition.partition_strategy, partition.partition_key) == ("p", "h", "HASH (sensor)")
    assert partition.parent == RelationName("public", "measure")
    assert partition.partition_bound == "FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')"
    assert tables[RelationName("public", "measure_rest")].is_default_partition
    assert tables[RelationName("public", "heir")].parents == (
        RelationName("public", "base_one"),
        RelationName("public", "base_two"),
    )
    assert tables[RelationName("public", "typed")].of_type == RelationName("public", "pair")
    assert tables[RelationName("public", "far_away")].kind == "f"
    assert tables[RelationName("public", "summary")].kind == "m"
    assert tables[RelationName("public", "scratch")].persistence == "u"
    assert tables[RelationName("public", "secured")].row_security
    assert tables[RelationName("public", "pg_stat_statements")].extension == "pg_stat_statements"


def test_columns_and_constraints(rich: str, major: int) -> None:
    snapshot = snapshot_of(rich)
    columns = {column.name: column for column in snapshot.columns if column.table == WEIRD}
    assert list(columns) == ["id", "ünï code", "line\nbreak", "doubled", "select", "m", "p", "r", "tags", "doc"]
    assert columns["id"].identity == "a" and columns["id"].not_null
    assert columns["doubled"].generated == "s" and columns["doubled"].default == "(1 + 1)"
    assert columns["ünï code"].collation == RelationName("pg_catalog", "C")
    shorter = columns["select"]
    assert (shorter.type, shorter.type_name) == ("public.shorter", RelationName("public", "shorter"))
    assert (shorter.base_type, shorter.type_category) == (RelationName("pg_catalog", "varchar"), "S")
    assert columns["doc"].comment == "two\nlines"
    constraints = {constraint.name: constraint for constraint in snapshot.constraints}
    check = constraints["odd, constraint"]
    assert (check.type, check.columns) == ("c", ("line\nbreak",))
    reference = constraints["child_ref_fkey"]
    assert (reference.references, reference.referenced_columns, reference.on_delete) == (WEIRD, ("id",), "c")
    assert constraints[WEIRD.name + "_pkey"].index == RelationName("public", WEIRD.name + "_pkey")
    sequences = {sequence.name: sequence for sequence in snapshot.sequences}
    assert sequences["Seq 1"].schema == ODD_SCHEMA
    assert (sequences["Seq 1"].last_value, sequences["Seq 1"].cycle) == (1, True)
    owned = [sequence for sequence in snapshot.sequences if sequence.owned_by == WEIRD]
    assert [(sequence.owned_by_column, sequence.last_value) for sequence in owned] == [("id", 1000)]


def test_index_definitions_are_the_servers(rich: str, major: int) -> None:
    snapshot = snapshot_of(rich)
    assert len(snapshot.indexes) > 20
    with psycopg.connect(rich, autocommit=True) as connection:
        connection.execute("set search_path = ''")
        for index in snapshot.indexes:
            row = connection.execute("select pg_get_indexdef(%s::oid)", [index.oid]).fetchone()
            assert row is not None and flat(row[0]) == index.definition
            for position, column in enumerate(index.columns, 1):
                row = connection.execute("select pg_get_indexdef(%s::oid, %s, true)", [index.oid, position]).fetchone()
                assert row is not None
                if column.column is None:
                    assert flat(row[0]) == column.expression
                elif column.column == "id":
                    assert row == ("id",)
    by_name = {index.name: index for index in snapshot.indexes}
    odd = by_name["I.x (1)"]
    assert [column.descending for column in odd.columns] == [False, True, False]
    assert odd.include == ("doubled",)
    assert odd.predicate == "id > 0 AND \"ünï code\" <> ''')'::text"
    exclusion = next(index for index in snapshot.indexes if index.is_exclusion)
    assert exclusion.constraint == exclusion.name
    attached = by_name["measure_2024_at_sensor_idx"]
    assert attached.parent == RelationName("public", "measure_at_sensor_idx") and attached.is_partitioned


ODD_INDEXES = r"""
create table t (a text, "b(" text, c int, d tsvector, e int[], f citext_like, g timestamptz, h jsonb, i varchar(9));
create function "odd,(fn" (text) returns text immutable language sql as $$ select $1 $$;
create function public.coalesce_it(text, text) returns text immutable language sql as $$ select $1 $$;
create index on t ("odd,(fn"(a), coalesce_it("b(", ')'), (a || E'\\\\ '' , "('), ("b(" || '"'));
create index on t using gist (d tsvector_ops (siglen = 100)) with (fillfactor = 90, buffering = off);
create index on t ((e[1]), (c + 1) desc nulls last, (-c), (c is null), (not (c > 1)), (row(c, c) = row(1, 2)));
create index on t (date_trunc('day', g at time zone 'UTC'), (extract(year from g at time zone 'UTC')));
create index on t ((h ->> 'k'), (h #> '{a,b}'), ((h -> 'x,y')::text));
create index on t (greatest(c, 1), nullif(a, ''), (a collate "C"), upper(a collate "C") collate "POSIX");
create index on t (i varchar_pattern_ops, f, a collate "C" desc);
create index on t (c) include (a, "b(") where a in ('x', 'y,)') and (c > 1 or g is null);
create unique index concurrently_made on t (c, a) with (deduplicate_items = off);
create index on t using spgist (a); create index on t using hash (c);
create index on t using gin (h, e); create index on t using brin (g timestamptz_minmax_ops, c);
create index on only t (md5(a) text_pattern_ops desc nulls last);
cluster t using concurrently_made;
"""


def test_odd_definitions(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute('create domain citext_like as text collate "C"')
        connection.execute(ODD_INDEXES)
        if major >= 15:
            connection.execute("create unique index on t (a, c) nulls not distinct where c > 0")
        if major >= 14:
            connection.execute("create index on t using brin (c int4_minmax_multi_ops (values_per_range = 8))")
        snapshot = snapshot_of(database)
        connection.execute("set search_path = ''")
        expected = dict(
            connection.execute("select indexrelid::int8, pg_get_indexdef(indexrelid) from pg_index").fetchall()
        )
        assert len(snapshot.indexes) >= 14
        for index in snapshot.indexes:
            assert index.definition == flat(expected[index.oid])
            # It can be run, which is what it is for: undo of a drop, the twin.
            connection.execute(f"drop index {index.relation}; {index.definition}".encode())
        again = {i.name: i.definition for i in snapshot_of(database).indexes}
        assert again == {i.name: i.definition for i in snapshot.indexes}


def test_round_trip_and_determinism(rich: str, major: int) -> None:
    snapshot = snapshot_of(rich)
    data = encode_snapshot(snapshot)
    assert decode_snapshot(data) == snapshot
    assert encode_snapshot(decode_snapshot(data)) == data


def test_settings_are_not_our_own(rich: str, major: int) -> None:
    snapshot = snapshot_of(rich)
    for name, expected in {"jit": "on", "lock_timeout": "0", "default_transaction_read_only": "off"}.items():
        setting = snapshot.setting(name)
        assert setting is not None and (setting.setting, setting.source) == (expected, "default"), name


def test_role_with_nothing(rich: str, major: int, make_role: Callable[..., str]) -> None:
    dsn = make_role(rich)
    snapshot = snapshot_of(dsn)
    everything = snapshot_of(rich)
    assert len(snapshot.tables) == len(everything.tables)
    assert len(snapshot.indexes) == len(everything.indexes)
    role = re.findall("user=(\\w+)", dsn)[0]
    assert "GRANT pg_monitor" in (gap(snapshot, "some settings").fix or "")
    assert "GRANT pg_read_all_stats" in (gap(snapshot, "texts of").fix or "")
    assert snapshot.statements_view.status == "no_privilege"
    assert snapshot.statements_view.texts_hidden > 0
    assert all(row.query != "<insufficient privilege>" for row in snapshot.statements)
    statistics = gap(snapshot, "has no SELECT there")
    assert role in (statistics.fix or "")
    if major >= 14:
        assert statistics.fix == f"GRANT pg_read_all_data TO {role};"
    else:
        assert f'GRANT SELECT ON ALL TABLES IN SCHEMA "Odd.schema ""x""" TO {role};' not in (statistics.fix or "")
        assert f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};" in (statistics.fix or "")
    assert "last values of" in gap(snapshot, "last values of").what
    assert all(g.fix and g.costs for g in snapshot.gaps), [g for g in snapshot.gaps if not (g.fix and g.costs)]
    assert not any(row.relation == WEIRD for row in snapshot.statistics)


def test_gaps_close_with_their_own_fixes(rich: str, major: int, make_role: Callable[..., str]) -> None:
    dsn = make_role(rich)
    for _ in range(4):
        snapshot = snapshot_of(dsn)
        fixes = [g.fix for g in snapshot.gaps if g.fix]
        if not fixes:
            break
        with psycopg.connect(rich, autocommit=True) as admin:
            for fix in fixes:
                admin.execute(fix)
    everything = snapshot_of(rich)
    visible = {(row.relation, row.column) for row in everything.statistics}
    if major == 13:
        # Nobody can grant these there, and the gap says so.
        assert "cannot be granted" in gap(snapshot, "expression indexes").why
        indexes = {index.relation for index in everything.indexes}
        visible = {(relation, column) for relation, column in visible if relation not in indexes}
    else:
        assert snapshot.gaps == ()
    assert {(row.relation, row.column) for row in snapshot.statistics} == visible


def test_select_alone_hides_expression_indexes(rich: str, major: int, make_role: Callable[..., str]) -> None:
    dsn = make_role(rich, "grant pg_monitor to {role}", "grant select on all tables in schema public to {role}")
    expressions = gap(snapshot_of(dsn), "expression indexes")
    assert expressions.what.startswith("statistics of 4 expression indexes")
    assert (expressions.fix is None) == (major == 13)


def test_schema_without_usage(rich: str, major: int, make_role: Callable[..., str]) -> None:
    with psycopg.connect(rich, autocommit=True) as admin:
        admin.execute("create schema closed; create table closed.t as select 1 as a; analyze closed.t")
    dsn = make_role(rich, "grant pg_monitor to {role}", "grant select on closed.t to {role}")
    snapshot = snapshot_of(dsn)
    plans = gap(snapshot, "plans on 1 table (closed.t)")
    assert (plans.fix or "").startswith("GRANT USAGE ON SCHEMA closed TO ")
    assert any(row.relation == RelationName("closed", "t") for row in snapshot.statistics)


def test_monitor_only(rich: str, major: int, make_role: Callable[..., str]) -> None:
    snapshot = snapshot_of(make_role(rich, "grant pg_monitor to {role}"))
    assert snapshot.statements_view.status == "ok"
    assert snapshot.statements_view.texts_hidden == 0
    assert snapshot.server.memberships[:1] == ("pg_monitor",)
    assert {g.what.split(" of ")[0] for g in snapshot.gaps} <= {"statistics", "last values", "extended statistics"}
    assert any(g.what.startswith("statistics of") for g in snapshot.gaps)


def test_row_security_hides_statistics(rich: str, major: int, make_role: Callable[..., str]) -> None:
    reading = (
        "grant pg_read_all_data to {role}" if major >= 14 else "grant select on all tables in schema public to {role}"
    )
    snapshot = snapshot_of(make_role(rich, "grant pg_monitor to {role}", reading))
    secured = gap(snapshot, "row security")
    assert "secured" in secured.what and "BYPASSRLS" in (secured.fix or "")


def test_empty_database(database: str, major: int) -> None:
    snapshot = snapshot_of(database)
    assert (snapshot.tables, snapshot.indexes, snapshot.statements, snapshot.sequences) == ((), (), (), ())
    assert snapshot.server.major == major
    assert snapshot.database_counters is not None and snapshot.cluster_counters is not None
    absent = gap(snapshot, "pg_stat_statements")
    assert snapshot.statements_view.status == "absent"
    assert absent.fix == "CREATE EXTENSION pg_stat_statements;" and "loaded" in absent.why


def test_sql_ascii(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major, "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
    with psycopg.connect(dsn, autocommit=True, client_encoding="SQL_ASCII") as admin:
        admin.execute("create extension pg_stat_statements")
        admin.execute(b'create table "caf\xe9" (a text default \'\xff\', "\xfe\xff" int)')
        admin.execute(b'create index "i\xe9" on "caf\xe9" (lower(a)) where a <> \'\xe9\'')
        admin.execute(b"insert into \"caf\xe9\" select '\xe9' || n % 3 from generate_series(1, 100) n")
        admin.execute("analyze")
        admin.execute(b"select count(*) from \"caf\xe9\" /* \xe9 */ where a = 'x'")
    snapshot = snapshot_of(dsn)
    assert {table.name for table in snapshot.tables if table.kind == "r"} == {"caf\\xe9"}
    assert [index.predicate for index in snapshot.indexes] == ["a <> '\\xe9'::text"]
    assert any(row.most_common_vals and "\\xe9" in row.most_common_vals for row in snapshot.statistics)
    assert any("caf\\xe9" in (row.query or "") for row in snapshot.statements)
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    # The odd bytes of one database make the server refuse the texts of all others; the fix is precise.
    other = make_database(major)
    with psycopg.connect(other, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements")
        admin.execute("select 'kept'")
        before = snapshot_of(other)
        assert before.statements_view.status == "damaged" and before.statements
        fix = gap(before, "texts in pg_stat_statements").fix or ""
        assert "pg_stat_statements_reset(0, " in fix
        admin.execute(fix)
    after = snapshot_of(other)
    assert after.statements_view.status == "ok"
    assert any("select $1" in (row.query or "") for row in after.statements)


def test_latin_database(make_database: Callable[..., str]) -> None:
    dsn = make_database(15, "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0")
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute('create table "café" (a text)')
        admin.execute("insert into \"café\" select 'é' from generate_series(1, 10); analyze")
    snapshot = snapshot_of(dsn)
    assert snapshot.server.encoding == "LATIN1"
    assert [table.name for table in snapshot.tables] == ["café"]
    assert [row.most_common_vals for row in snapshot.statistics] == ["{é}"]


def test_icu_database(make_database: Callable[..., str]) -> None:
    try:
        dsn = make_database(15, "locale_provider icu icu_locale 'sv-SE' template template0")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this PostgreSQL was built without ICU")
    snapshot = snapshot_of(dsn)
    assert (snapshot.server.locale_provider, snapshot.server.icu_locale) == ("i", "sv-SE")


def test_locked_table_costs_only_itself(rich: str, major: int) -> None:
    with psycopg.connect(rich) as blocker:
        blocker.execute('lock table "we""ird; drop table x", measure, secured in access exclusive mode')
        blocker.execute('alter index "I.x (1)" set (fillfactor = 60)')
        started = time.monotonic()
        snapshot = snapshot_of(rich)
        assert time.monotonic() - started < 10
        blocker.rollback()
    everything = snapshot_of(rich)
    assert len(snapshot.tables) == len(everything.tables)
    assert len(snapshot.columns) == len(everything.columns)
    assert gap(snapshot, "locked tables").what.startswith("parts of 6 locked tables")
    tables = {table.name: table for table in snapshot.tables}
    assert tables["secured"].size_is_estimate and tables["secured"].size_bytes == tables["secured"].relpages * 8192
    assert not tables["base_one"].size_is_estimate
    names = {index.name for index in snapshot.indexes}
    assert WEIRD.name + "_pkey" in names and "I.x (1)" not in names


def test_sequences_do_not_pile_up_locks(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("do $$ begin for i in 1..250 loop execute format('create sequence s%s', i); end loop; end $$")
        admin.execute("select setval('s250', 42)")
    with open_connection(database) as connection, connection.transaction():
        reader = Reader(connection)
        reader.dicts("select 1 as one", name="one", what="one")
    snapshot = snapshot_of(database)
    assert len(snapshot.sequences) == 250
    assert {s.name: s.last_value for s in snapshot.sequences}["s250"] == 42


def test_sessions(rich: str, major: int) -> None:
    with psycopg.connect(rich) as idle, psycopg.connect(rich, autocommit=True) as blocked:
        idle.execute("lock table base_two in share row exclusive mode")
        idle.execute("select a from base_one where a = 42")
        idle_pid = idle.info.backend_pid
        thread = threading.Thread(target=lambda: blocked.execute("update base_two set b = 1"))
        thread.start()
        time.sleep(0.3)
        snapshot = snapshot_of(rich, sample_seconds=0.6)
        idle.rollback()
        thread.join()
    mine = [session for session in snapshot.sessions if session.pid == idle_pid]
    assert mine and mine[0].state == "idle in transaction"
    assert mine[0].query == "select a from base_one where a = 42"
    waiting = [session for session in snapshot.sessions if session.wait_event_type == "Lock"]
    assert waiting and waiting[0].blocked_by == (idle_pid,)
    assert len(waiting) >= 2, "each sample keeps a waiting session"
    assert not any((session.application_name or "").startswith("pgadvise") for session in snapshot.sessions)


def test_extension_in_an_odd_schema(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute('create schema "My Stats; --"')
        admin.execute('create extension pg_stat_statements schema "My Stats; --"')
        admin.execute("create table t (a int)")
        admin.execute("select count(*) from t where a = 1")
    snapshot = snapshot_of(database)
    assert snapshot.statements_view.status == "ok"
    assert snapshot.statements_view.schema == "My Stats; --"
    assert any("from t where a = $1" in (row.query or "") for row in snapshot.statements)
    assert snapshot.statements_view.max_entries == 5000


def test_extension_older_than_the_server(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements version '1.8'")
        admin.execute("select 'old'")
    snapshot = snapshot_of(database)
    assert (snapshot.statements_view.status, snapshot.statements_view.extension_version) == ("ok", "1.8")
    assert any("select $1" in (row.query or "") for row in snapshot.statements)


def test_extension_from_before_13(database: str, major: int) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements version '1.7'")
    snapshot = snapshot_of(database)
    assert snapshot.statements_view.status == "failed"
    assert gap(snapshot, "version 1.7").fix == "ALTER EXTENSION pg_stat_statements UPDATE;"


def test_no_privilege_on_the_function(database: str, major: int, make_role: Callable[..., str]) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements")
        admin.execute("revoke execute on function pg_stat_statements(boolean) from public")
    snapshot = snapshot_of(make_role(database, "grant pg_monitor to {role}"))
    assert snapshot.statements_view.status == "no_privilege"
    assert "permission denied for function" in gap(snapshot, "pg_stat_statements").why
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(gap(snapshot, "pg_stat_statements").fix or "")


def test_large_texts_are_bounded(database: str, major: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.collect.workload_views.TEXT_LIMIT", 2000)
    monkeypatch.setattr("advisor.collect.workload_views.TOTAL_LIMIT", 6000)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create extension pg_stat_statements")
        for number in range(8):
            admin.execute(f"select pg_sleep(0.0{9 - number}), {', '.join(f'1 as c{number}_{n}' for n in range(300))}")
    snapshot = snapshot_of(database)
    lengths = [len(row.query) for row in snapshot.statements if row.query and "c" in row.query]
    assert max(lengths) == 2000
    assert sum(lengths) <= 8000
    assert "2,000 characters" in gap(snapshot, "the rest of").why
    assert "dearest statements first" in gap(snapshot, "are read, dearest").why
    costs = [row.total_exec_time for row in snapshot.statements]
    assert costs == sorted(costs, reverse=True)
    assert snapshot.statements[0].query is not None


@pytest.mark.parametrize("major", [13, 15, 18])
def test_not_preloaded_and_damaged(major: int) -> None:
    """Needs servers of its own: one that does not load the module, then the same with a damaged file of texts."""
    from advisor.cluster import start_cluster

    binaries = binaries_for(major)
    if binaries is None:
        missing(f"PostgreSQL {major}")
        return
    with start_cluster(binaries, {"fsync": "off"}) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            assert snapshot_of(cluster.dsn()).statements_view.status == "absent"
            admin.execute("create extension pg_stat_statements")
        snapshot = snapshot_of(cluster.dsn())
        assert snapshot.statements_view.status == "not_preloaded"
        assert "shared_preload_libraries" in (gap(snapshot, "pg_stat_statements").fix or "")
        cluster.stop()
        cluster.start(SERVER_SETTINGS)
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("create table t (a int)")
            for n in range(5):
                admin.execute(f"select a as column{n} from t where a = {n}")
        texts = cluster.data_directory / "pg_stat_tmp/pgss_query_texts.stat"
        size = texts.stat().st_size
        texts.write_bytes(b"\xff\xfe\x00" * (size // 3) + b"\x00" * (size % 3))
        with open_connection(cluster.dsn()) as connection:
            snapshot = collect(connection)
        assert snapshot.statements_view.status == "damaged"
        assert len(snapshot.statements) > 5
        assert "reset" in (gap(snapshot, "texts in pg_stat_statements").fix or "")
        texts.write_bytes(b"")
        assert snapshot_of(cluster.dsn()).statements_view.status == "damaged"


def test_own_statements_are_marked(rich: str, major: int) -> None:
    snapshot_of(rich)
    snapshot = snapshot_of(rich)
    ours = [row.query for row in snapshot.statements if row.query and "pg_catalog.pg_partitioned_table" in row.query]
    assert ours and all("/* pgadvise */" in query for query in ours)


def test_leaves_nothing_behind(rich: str, major: int) -> None:
    with psycopg.connect(rich, autocommit=True) as admin:

        def state() -> list[tuple[object, ...]]:
            # Temporary tables of another test's session may go only now.
            return admin.execute("select oid, relname from pg_class where relpersistence <> 't' order by 1").fetchall()

        before = state()
        snapshot_of(rich)
        assert state() == before


def test_collect_statements_reads_only_this_database(make_database: Callable[..., str], major: int) -> None:
    here, there = make_database(major), make_database(major)
    for dsn, word in ((here, "here"), (there, "there")):
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute("create extension pg_stat_statements")
            admin.execute(f"select 1 as {word}")
    with open_connection(here) as connection:
        snapshot = collect(connection)
        view, rows = collect_statements(Reader(connection), snapshot.extensions, snapshot.settings)
    assert any("as here" in (row.query or "") for row in rows)
    assert not any("as there" in (row.query or "") for row in rows)
    assert view.entries_other_databases
