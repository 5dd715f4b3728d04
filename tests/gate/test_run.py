"""The run: migrations in a private copy, and the static verdict corrected by what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.gate import judge_migrations
from advisor.gate.files import MigrationText, find_migrations
from advisor.gate.script import read_script
from advisor.model.lookup import Catalog
from advisor.model.migration import GateFile, GateFinding
from advisor.model.snapshot import Snapshot
from advisor.progress import Silent
from advisor.whatif.migration import Rehearsal, RehearsalOptions, rehearse
from tests.gate import test_corpus as corpus

pytestmark = pytest.mark.server

SCHEMA = """
create extension if not exists citext;
create table customers (id bigint generated always as identity primary key, email citext not null, name varchar(40));
create table orders (id bigserial primary key, customer_id bigint references customers, total numeric(10,2));
create index orders_customer on orders (customer_id);
create view big_orders as select id, total from orders where total > 100;
create table events (id int, at timestamptz not null) partition by range (at);
create table events_2020 partition of events for values from ('2020-01-01') to ('2021-01-01');
create type mood as enum ('good', 'bad');
grant select on orders to reporting;
"""


def read(dsn: str) -> Snapshot:
    with open_connection(dsn) as connection:
        return collect(connection)


def judged(
    *texts: str, schema: str | None = SCHEMA, snapshot: Snapshot | None = None, **options: bool
) -> tuple[tuple[GateFile, ...], Rehearsal]:
    migrations = [MigrationText(f"m{number}.sql", text) for number, text in enumerate(texts)]
    chosen = RehearsalOptions(major=15, **options)
    rehearsal = rehearse(migrations, snapshot, schema if snapshot is None else None, chosen, read, Silent())
    catalog = Catalog(snapshot) if snapshot is not None else None
    files = judge_migrations(
        migrations, 15, catalog, schema=schema if snapshot is None else None, revisions=rehearsal.revisions,
        each=options.get("each", False), in_transaction=options.get("in_transaction", False),
    )  # fmt: skip
    return files, rehearsal


def found(file: GateFile) -> list[tuple[int, str, str]]:
    return [(f.line, f.rule, f.source) for f in file.findings if f.rule != "lock_timeout_missing"]


def only(file: GateFile, rule: str) -> GateFinding:
    (finding,) = [f for f in file.findings if f.rule == rule]
    return finding


def test_each_file_starts_from_the_same_state() -> None:
    added = "' add column x int default (random() * 10)::int'"
    hidden = f"do $$ declare t text = 'orders'; begin execute 'alter table ' || t || {added}; end $$;"
    files, rehearsal = judged(
        # 0: free type change, then one that a view blocks; what follows a failure is not reported
        "alter table customers alter column name type varchar(80);\n"
        "alter table orders alter column total type numeric(12,2);\nalter table nosuch add column a int;",
        # 1: hidden in dynamic SQL
        hidden,
        # 2: another program
        "copy customers to program 'cat > /tmp/pgadvise-must-not-exist';",
        # 3: rows, roles and privileges are not there; nothing to say of them
        "insert into orders (customer_id) values (99);\ncreate role somebody;\ngrant select on customers to somebody;\n"
        "alter table customers owner to somebody;\ncreate extension if not exists citext;",
        # 4: data in the file is loaded, and used twice
        "create table fresh (id int primary key);\ncopy fresh from stdin;\n1\n2\n\\.\ninsert into fresh values (2);",
        # 5: transactions
        "begin;\nalter table customers add column a int;\ninsert into customers (email) values ('x');\n",
        # 6: a name of its own for the reason
        "alter table events_2020 add column z int;",
        # 7: an object that is not there
        "drop table if exists no_such_table;\ndrop index if exists no_such_index;",
        # 8: placeholders and a session that ends itself
        "select :'name';\nselect pg_terminate_backend(pg_backend_pid());\nselect 1;",
        # 9: an ignore holds for what the run finds
        "-- pgadvise: ignore migration_fails known on this branch\nalter table nosuch add column b int;",
        each=True,
    )  # fmt: skip
    assert rehearsal.ran
    assert found(files[0]) == [(2, "blocked_by_dependent_view", "static")]
    assert ("storage_rewrite", "run") in {(rule, source) for _, rule, source in found(files[1])}
    assert found(files[2]) == [(1, "migration_fails", "run")]
    assert found(files[3]) == []
    assert found(files[4]) == [(6, "migration_fails", "run")]
    assert "23505" in only(files[4], "migration_fails").message
    assert [rule for _, rule, _ in found(files[5])] == ["uncommitted_transaction"]
    assert [rule for _, rule, _ in found(files[6])] == ["inherited_column_conflict"]
    assert found(files[7]) == []
    assert found(files[8]) == [(2, "migration_fails", "run")]
    assert found(files[9]) == []
    assert files[9].ignored
    assert any("m3.sql, line 1" in note for note in rehearsal.notes)
    assert not Path("/tmp/pgadvise-must-not-exist").exists()


def test_the_run_decides_what_the_text_cannot() -> None:
    """A column whose type the text does not show: the static verdict doubts, the run knows."""
    schema = "create function make() returns void language plpgsql as $$ begin"
    schema += " create table made (id int, a varchar(10), b varchar(90)); end $$; select make();"
    files, _ = judged(
        "alter table made alter column a type varchar(20);\nalter table made alter column b type varchar(20);",
        schema=schema,
    )
    assert found(files[0]) == [(2, "type_change_rewrite", "run")]
    assert only(files[0], "type_change_rewrite").severity == "high"


def test_a_sequence_runs_in_one_database_and_wrapped_files_in_transactions() -> None:
    files, _ = judged("create table a (id int);", "alter table a add column b int;\nalter table a drop column c;")
    assert found(files[1]) == [(2, "migration_fails", "run")]
    files, _ = judged("create index concurrently i on orders (total);", in_transaction=True)
    assert found(files[0]) == [(1, "concurrently_in_transaction", "static")]


def test_a_schema_that_does_not_load_leaves_the_static_verdict() -> None:
    files, rehearsal = judged("drop table orders;", schema="create table orders (id int);\nselect nosuch();")
    assert not rehearsal.ran
    assert "line 2" in rehearsal.notes[0]
    assert [rule for _, rule, _ in found(files[0])] == ["drop_table"]


PRODUCTION = """
create table customers (id bigint generated always as identity primary key, email text not null, name varchar(40));
create table orders (id bigserial primary key, customer_id bigint, total numeric(10,2));
insert into customers (email, name) select 'u' || g, 'n' || g from generate_series(1, 5000) g;
insert into orders (customer_id, total) select g % 5000 + 1, g % 100 from generate_series(1, 50000) g;
create index orders_customer on orders (customer_id);
create index orders_total on orders (total);
analyze
"""
WORKLOAD = (
    "select * from orders where customer_id = 17;\nselect name from customers where id = 5;\n"
    "select id from customers where email = 'u77';\n"
)


def pgadvise(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_workload_before_and_after(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PRODUCTION.encode())
    workload = tmp_path / "workload.sql"
    workload.write_text(WORKLOAD)
    migration = tmp_path / "1.sql"
    migration.write_text(
        "set lock_timeout = '2s';\nalter table orders rename to purchases;\n"
        "create view orders as select * from purchases;\ndrop index concurrently orders_customer;\n"
        "create index concurrently customers_email on customers (email);\nalter table customers drop column name;\n"
    )
    arguments = ["gate", "--dsn", dsn, "--workload", str(workload), "--format", "json", str(migration)]
    result = pgadvise(*arguments)
    assert result.returncode == 1, result.stderr
    data = json.loads(result.stdout)
    assert data["ran"] is True
    rules = {(f["line"], f["rule"]): f for f in data["files"][0]["findings"]}
    lost = rules[4, "index_lost"]
    assert "Seq Scan on purchases" in lost["message"] and "orders_customer" in lost["message"]
    assert "does not exist" in rules[6, "plan_regression"]["message"]
    (slower,) = data["workload"]["regressed"]
    assert slower["cost_after"] > 10 * slower["cost_before"]
    (better,) = data["workload"]["improved"]
    assert "email" in better["query"]


def test_a_harmless_migration_leaves_every_plan_as_it_was(make_database: Callable[..., str], tmp_path: Path) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PRODUCTION.encode())
    (tmp_path / "workload.sql").write_text(WORKLOAD)
    migration = tmp_path / "1.sql"
    migration.write_text("set lock_timeout = '2s';\nalter table orders add column note text;\ncreate table n (i int);")
    arguments = ["gate", "--dsn", dsn, "--workload", str(tmp_path / "workload.sql"), "--format", "json"]
    result = pgadvise(*arguments, str(migration))
    data = json.loads(result.stdout)
    assert result.returncode == 0
    assert data["ran"] and data["files"][0]["findings"] == []
    assert data["workload"] == {"regressed": [], "improved": []}


def test_materialized_views_of_a_snapshot_are_no_failures(make_database: Callable[..., str]) -> None:
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table t (a int); create materialized view sums as select sum(a) as a from t")
        connection.execute("create unique index on sums (a)")
    text = (
        "refresh materialized view concurrently sums;\nrefresh materialized view sums;\n"
        "drop materialized view sums;\nrefresh materialized view concurrently t;"
    )
    (file,), rehearsal = judged(text, snapshot=read(dsn))
    assert rehearsal.ran
    assert found(file) == [
        (2, "matview_refresh_blocking", "static"), (3, "drop_view", "static"), (4, "migration_fails", "run"),
    ]  # fmt: skip
    assert any("materialized views are tables" in note for note in rehearsal.notes)


def test_steps_keep_what_the_file_says() -> None:
    text = "-- é\ncopy t from stdin;\nä\n\\.\nselect :'x';\ncopy t (a) from stdin with (format csv);\nx\n\\.\n"
    steps = read_script(text).steps
    assert [(step.line, step.data, step.raw) for step in steps] == [
        (2, "ä\n", None),
        (5, None, "select :'x'"),
        (6, "x\n", None),
    ]


def test_the_run_agrees_with_the_labels_of_the_corpus() -> None:
    """Every hazard of a labelled file survives the run, and no harmless file fails in it."""
    chosen = [
        path
        for path in corpus.FILES
        if "schema=shop" in (first := path.read_text().partition("\n")[0]) and "major=" not in first
    ]
    migrations = find_migrations([str(path) for path in chosen])
    schema = (corpus.CORPUS / "schemas" / "shop.sql").read_text()
    options = RehearsalOptions(major=15, each=True)
    rehearsal = rehearse(migrations, None, schema, options, read, Silent())
    assert rehearsal.ran
    files = judge_migrations(migrations, 15, schema=schema, each=True, revisions=rehearsal.revisions)
    for path, file in zip(chosen, files, strict=True):
        alarms = {(f.line, f.rule) for f in file.findings if f.severity != "info"}
        labels = set(corpus.expected(path.read_text()))
        # "in-transaction" is an option of each file; here none is wrapped.
        if "in-transaction" not in path.read_text().partition("\n")[0]:
            assert alarms == labels, path.name


def test_a_migration_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that switches its timeout off and catches the cancelling of its statement."""
    monkeypatch.setattr("advisor.whatif.migration.run.STATEMENT_SECONDS", 1.0)
    body = "begin loop begin perform pg_sleep(100); exception when query_canceled then null; end; end loop; end"
    files, rehearsal = judged(f"set statement_timeout = 0;\ndo $$ {body} $$;\nselect 1;")
    assert found(files[0]) == [(2, "migration_fails", "run")]
    assert any("line 2" in note for note in rehearsal.notes)


def test_a_dump_with_owners_loads_and_odd_names_survive() -> None:
    schema = (
        'create schema "Odd";\ncreate table "Odd"."Tâble ""x" ("vàl" text);\n'
        'alter table "Odd"."Tâble ""x" owner to postgres;\ngrant all on "Odd"."Tâble ""x" to nobody_here;\n'
    )
    files, rehearsal = judged(
        "set lock_timeout = 900;\nset role nobody_here;\n"
        'alter table "Odd"."Tâble ""x" alter column "vàl" type char(3);',
        schema=schema,
    )
    assert rehearsal.ran and rehearsal.notes == ()
    assert [rule for _, rule, _ in found(files[0])] == ["type_change_rewrite"]


def test_objects_of_the_schema_file_with_sizes_of_the_snapshot(
    make_database: Callable[..., str], tmp_path: Path
) -> None:
    """The repository's schema is ahead of production's: a column and a table more, an index and a table less."""
    dsn = make_database(15)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((PRODUCTION + "; create table forgotten (id int)").encode())
    (tmp_path / "workload.sql").write_text(WORKLOAD)
    assert pgadvise("capture", "--dsn", dsn, "-o", str(tmp_path / "production.json.gz")).returncode == 0
    (tmp_path / "schema.sql").write_text(
        "create table customers (id bigint generated always as identity primary key, email text, name varchar(40));\n"
        "create table orders (id bigserial primary key, customer_id bigint, total numeric(10,2), zone varchar(20));\n"
        "create index orders_customer on orders (customer_id);\ncreate table planned (id int, zone varchar(20));\n"
    )
    (tmp_path / "1.sql").write_text(
        "set lock_timeout = '2s';\nalter table orders alter column zone type varchar(10);\n"
        "alter table planned alter column zone type varchar(10);\ndrop index concurrently orders_customer;\n"
        "drop index concurrently orders_total;\n"
    )

    def gate(*more: str) -> dict[str, Any]:
        schema = str(tmp_path / "schema.sql")
        result = pgadvise("gate", "--schema", schema, *more, "--format", "json", str(tmp_path / "1.sql"))
        assert result.returncode == 1, result.stderr
        report: dict[str, Any] = json.loads(result.stdout)
        assert report["ran"]
        return report

    workload = str(tmp_path / "workload.sql")
    both = gate("--snapshot", str(tmp_path / "production.json.gz"), "--workload", workload)
    found = {(f["line"], f["rule"]): f for f in both["files"][0]["findings"]}
    # The column is the schema file's, the size production's.
    assert found[2, "type_change_rewrite"]["seconds_estimate"] > 0.01
    assert not found[3, "type_change_rewrite"]["seconds_estimate"]
    # The statement is planned with 50,000 rows; the index that only production has cannot be dropped here.
    assert "Seq Scan on orders" in " ".join(found[4, "index_lost"]["plans"][1])
    assert found[5, "migration_fails"]["source"] == "run"
    notes = " ".join(both["notes"])
    assert "Only in the schema file: 1 table (public.planned)." in notes
    assert "Only in the snapshot: 1 table (public.forgotten)." in notes
    alone = gate("--major", "15")
    assert all(not f["seconds_estimate"] for f in alone["files"][0]["findings"])
