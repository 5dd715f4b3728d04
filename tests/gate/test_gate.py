"""Scripts, files and state: what the rules are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.gate import find_migrations, judge_migrations
from advisor.gate.files import MigrationText, natural_key
from advisor.gate.script import read_script
from advisor.model.migration import GateFile
from advisor.model.typechange import type_change


def judge(text: str, **options: bool) -> GateFile:
    (file,) = judge_migrations([MigrationText("m.sql", text)], 17, **options)
    return file


def rules(file: GateFile) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in file.findings if finding.rule != "lock_timeout_missing"]


def test_lines_survive_psql_and_copy() -> None:
    text = "\\set ON_ERROR_STOP on\ncopy t from stdin;\n1\t2;'\n\\.\n"
    text += "-- note\n\ndrop table :name;\nselect 1 \\gset\ntruncate x;\n"
    script = read_script(text)
    assert [(step.line, step.actions[0].kind) for step in script.steps] == [
        (2, "copy"),
        (7, "drop_table"),
        (8, "select"),
        (9, "truncate"),
    ]


def test_one_broken_statement_is_isolated() -> None:
    file = judge("create table a (id int);\nalter tabel b;\ndrop table c;\n")
    assert rules(file) == [(2, "syntax_error"), (3, "drop_table")]


def test_ignore_needs_a_reason_and_an_effect() -> None:
    file = judge("-- pgadvise: ignore drop_table moved to archive\ndrop table a;\n")
    assert rules(file) == []
    assert file.ignored == ("drop_table (line 2): moved to archive",)
    file = judge("-- pgadvise: ignore drop_table\ndrop table a;\n")
    assert rules(file) == [(2, "drop_table"), (1, "unused_ignore")]
    file = judge("-- pgadvise: ignore truncate because\nselect 1;\n")
    assert rules(file) == [(1, "unused_ignore")]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", True),
        ("set lock_timeout = '2s';", False),
        ("set lock_timeout = 500;", False),
        ("set lock_timeout = 0;", True),
        ("set lock_timeout = '2s'; reset lock_timeout;", True),
        ("set local lock_timeout = '2s';", False),
        ("begin; set local lock_timeout = '2s'; commit;", True),
        ("begin; set lock_timeout = '2s'; commit;", False),
        ("select set_config('lock_timeout', '1s', false);", False),
    ],
)
def test_lock_timeout_is_followed(settings: str, expected: bool) -> None:
    file = judge(f"{settings}\nalter table orders add column a int;")
    assert any(finding.rule == "lock_timeout_missing" for finding in file.findings) is expected


def test_dynamic_sql_of_constants_is_read() -> None:
    body = "begin execute 'drop table a'; execute format('truncate %I', 'b'); perform 1; end"
    assert [rule for _, rule in rules(judge(f"do $$ {body} $$;"))] == ["drop_table", "truncate"]
    hidden = "declare t text; begin execute 'drop table ' || t; end"
    assert [rule for _, rule in rules(judge(f"do $$ {hidden} $$;"))] == ["opaque_dynamic_sql"]


def test_a_sequence_of_files_knows_what_came_before(tmp_path: Path) -> None:
    (tmp_path / "V2__index.sql").write_text("create index on fresh (a);")
    (tmp_path / "V10__drop.sql").write_text("drop table fresh;")
    (tmp_path / "V1__table.sql").write_text("create table fresh (a int);")
    (tmp_path / "V3__undo.down.sql").write_text("drop table other;")
    found = find_migrations([str(tmp_path)])
    assert [Path(m.path).name for m in found] == ["V1__table.sql", "V2__index.sql", "V10__drop.sql"]
    assert [rules(file) for file in judge_migrations(found, 17)] == [[], [], []]
    assert [len(rules(file)) for file in judge_migrations(found, 17, each=True)] == [0, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "-- migrate:up\nalter table a add b int;\n-- migrate:down\ndrop table a;\n",
        "-- +goose Up\nalter table a add b int;\n-- +goose Down\ndrop table a;\n",
        "-- +migrate Up\nalter table a add b int;\n-- +migrate Down\ndrop table a;\n",
        "--liquibase formatted sql\n--changeset me:1\nalter table a add b int;\n--rollback drop table a;\n",
    ],
)
def test_only_the_way_up_is_judged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "1.sql"
    path.write_text(text)
    (file,) = judge_migrations(find_migrations([str(path)]), 17)
    assert rules(file) == []


def test_a_wrapping_transaction_is_known(tmp_path: Path) -> None:
    text = "create index concurrently i on orders (a);"
    assert rules(judge(text)) == []
    assert rules(judge(text, in_transaction=True)) == [(1, "concurrently_in_transaction")]
    path = tmp_path / "1.sql"
    path.write_text("-- migrate:up transaction:false\n" + text)
    (file,) = judge_migrations(find_migrations([str(path)]), 17, in_transaction=True)
    assert rules(file) == [], "the file says that it runs without a transaction"


def test_an_open_transaction_is_told() -> None:
    assert rules(judge("begin;\nselect 1;")) == [(2, "uncommitted_transaction")]


def test_bad_paths_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file or folder"):
        find_migrations([str(tmp_path / "missing")])
    with pytest.raises(UsageError, match="no migration"):
        find_migrations([str(tmp_path)])
    binary = tmp_path / "x.sql"
    binary.write_bytes(b"\xff\xfe\x00")
    (found,) = find_migrations([str(binary)])
    assert found.error == "is not UTF-8 text"


def test_natural_order() -> None:
    assert sorted(["10_a", "9_b", "1_c"], key=natural_key) == ["1_c", "9_b", "10_a"]


@pytest.mark.parametrize(
    ("old", "new", "effect"),
    [
        ("character varying(20)", "character varying(40)", "none"),
        ("character varying(40)", "character varying(20)", "rewrite"),
        ("character varying(20)", "text", "none"),
        ("text", "character varying(20)", "rewrite"),
        ("numeric(10,2)", "numeric(12,2)", "none"),
        ("numeric(10,2)", "numeric(12,4)", "rewrite"),
        ("numeric(10,2)", "numeric", "none"),
        ("integer", "bigint", "rewrite"),
        ("cidr", "inet", "none"),
        ("timestamp(3) without time zone", "timestamp(6) without time zone", "none"),
        ("timestamp without time zone", "timestamp with time zone", "rewrite"),
        ("text[]", "text", "rewrite"),
        (None, "text", "none"),
        (None, "character varying(20)", "unknown"),
        (None, "bigint", "rewrite"),
    ],
)
def test_type_changes(old: str | None, new: str, effect: str) -> None:
    assert type_change(old, new, "c") == effect
    assert type_change(old, new, "c", "c::" + new) == effect
    assert type_change(old, new, "c", "upper(c)") == "rewrite"


def test_a_missing_lock_timeout_is_told_once() -> None:
    file = judge("alter table a add b int;\nalter table c add d int;\nselect 1;\nalter table e add f int;\n")
    (finding,) = file.findings
    assert (finding.rule, finding.line) == ("lock_timeout_missing", 1)
    assert "2 more statements" in finding.message
    file = judge("set lock_timeout = '1s';\nalter table a add b int;\nreset lock_timeout;\nalter table c add d int;\n")
    assert [(f.line, f.rule) for f in file.findings] == [(4, "lock_timeout_missing")]


def test_work_behind_a_lock_in_one_transaction() -> None:
    copy = "insert into fresh select id from orders;"
    new = "create table fresh (id int);\n"
    assert rules(judge(f"{new}alter table orders add note text;\n{copy}", in_transaction=True)) == [
        (3, "work_while_holding_exclusive_lock")
    ]
    assert rules(judge(f"{new}alter table orders add note text;\n{copy}")) == []
    assert rules(judge(f"{new}{copy}", in_transaction=True)) == []
    few = "insert into fresh select id from orders where id = 7;\ninsert into fresh values (1);"
    assert rules(judge(f"{new}alter table orders add note text;\n{few}", in_transaction=True)) == []
    referring = "create table fresh (id int references orders);\n"
    found = judge(f"{referring}{copy}", in_transaction=True)
    assert [(f.rule, f.severity) for f in found.findings if f.rule != "lock_timeout_missing"] == [
        ("work_while_holding_exclusive_lock", "medium")
    ]


def test_updates_through_a_join() -> None:
    whole = "update orders o set name = c.name from customers c where o.customer_id = c.id;"
    assert [(f.rule, f.severity) for f in judge(whole).findings] == [("unbatched_backfill", "medium")]
    for few in (
        "update orders o set name = v.name from (values (1, 'a')) v (id, name) where o.id = v.id;",
        "with b as (select id from orders where name is null limit 500) update orders o set name = '' from b"
        " where o.id = b.id;",
        "update orders o set name = c.name from customers c where o.customer_id = c.id and o.id between 1 and 500;",
    ):
        assert rules(judge(few)) == [], few


def test_a_new_column_with_default_null_is_checked_against_its_foreign_key() -> None:
    assert rules(judge("alter table orders add c int references customers;")) == [(1, "fk_without_index")]
    found = rules(judge("alter table orders add c int default null references customers;"))
    assert (1, "add_fk_validating") in found


def test_data_is_set_aside_and_what_follows_it_is_judged() -> None:
    rows = ", ".join(f"({number}, 'it''s; \\ row')" for number in range(3000))
    text = f"insert into seeds (id, name) values {rows}\non conflict do nothing;\n"
    text += "copy seeds from stdin;\n1\ta;'b\n2\t\\N\n\\.\n"
    text += "copy seeds from stdin with (format csv);\n\\.\ndrop table gone;\n"
    script = read_script(text)
    assert [(step.line, step.actions[0].kind, step.data) for step in script.steps] == [
        (1, "insert", None),
        (3, "copy", "1\ta;'b\n2\t\\N\n"),
        (7, "copy", ""),
        (9, "drop_table", None),
    ]
    assert script.steps[0].sql.endswith("on conflict do nothing"), "what runs is the statement as written"
    assert rules(judge(text)) == [(9, "drop_table")]


def test_what_has_the_same_name_in_another_schema_is_found_while_names_change() -> None:
    text = (
        "create table app.orders (id int);\nalter table orders add column a int not null;\n"
        "alter table app.orders rename to bills;\nalter table bills drop column a;\n"
        "alter table orders drop column id;\n"
    )
    assert rules(judge(text)) == [(5, "drop_column")]


def test_a_body_in_standard_sql_is_one_statement() -> None:
    text = (
        "create function f() returns int language sql begin atomic select case when true then 1 end; select 2; end;\n"
        "drop table a;\nbegin;\nselect 'begin atomic';\nend;\n"
    )
    script = read_script(text)
    assert [(step.line, step.error) for step in script.steps] == [(line, None) for line in (1, 2, 3, 4, 5)]
    assert rules(judge(text)) == [(2, "drop_table")]


def test_findings_do_not_show_passwords() -> None:
    file = judge("create role app login password 'letmein';\nselect dblink('password=letmein');\n")
    (finding,) = file.findings
    assert finding.rule == "password_in_text" and finding.statement == "create role app login password '***'"


def test_names_are_cut_by_bytes_and_compared_after_it() -> None:
    name = "x" * 63
    file = judge(f'create table {name}a (id int);\ncreate table "{name}b" (id int);\nselect 1 as {name}c;\n')
    assert [(f.line, f.rule, f.severity) for f in file.findings] == [
        (1, "identifier_too_long", "info"),
        (2, "identifier_too_long", "high"),
    ]
    assert rules(judge(f'create table "{"й" * 31}" (id int);')) == []
    assert rules(judge(f'create table "{"й" * 32}" (id int);')) == [(1, "identifier_too_long")]
