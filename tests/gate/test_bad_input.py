"""What is no migration, reaches outside, or destroys: a clear finding, the right exit code, and no server left over."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from advisor.gate import find_migrations, judge_migrations
from advisor.gate.files import MigrationText
from advisor.model.migration import GateFile
from tests.gate.test_run import judged, only
from tests.server.test_cli import pgadvise, sentence

SCHEMA = """
create table customers (id bigint generated always as identity primary key, email text not null);
create table orders (id bigserial primary key, customer_id bigint references customers, total numeric(10,2));
"""


def judge(text: str) -> GateFile:
    (file,) = judge_migrations([MigrationText("m.sql", text)], 17)
    return file


def errors(text: str) -> list[tuple[int, str]]:
    return [(f.line, f.message) for f in judge(text).findings if f.rule == "syntax_error"]


def test_a_syntax_error_has_a_position_and_the_rest_is_judged() -> None:
    file = judge("alter table a add b int;\n\nalter\n  tabel c;\ndrop table d;\n")
    assert [(f.line, f.rule) for f in file.findings if f.rule != "lock_timeout_missing"] == [
        (4, "syntax_error"),
        (5, "drop_table"),
    ]
    assert 'at or near "tabel", line 4, column 3' in file.findings[1].message


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("ALTER TABLE `users` ADD COLUMN `x` INT AUTO_INCREMENT;", "MySQL"),
        ("ALTER TABLE users MODIFY COLUMN a varchar(20);", "MySQL"),
        ("ALTER TABLE [dbo].[users] ADD x nvarchar(20);", "SQL Server"),
        ("GO", "SQL Server"),
        ("ALTER TABLE users MODIFY (a VARCHAR2(20));", "Oracle"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);", "SQLite"),
        ("PRAGMA foreign_keys=off;", "SQLite"),
    ],
)
def test_another_dialect_is_named(text: str, dialect: str) -> None:
    ((line, message),) = errors(text)
    assert line == 1 and f"looks like {dialect}" in message


def test_prose_is_no_migration() -> None:
    """Words that are no SQL at all are not passed over, wherever they stand."""
    assert [line for line, _ in errors("hello world\nthis is prose;\nselect 1;\nfoo bar;\n\nbaz")] == [1, 4, 6]
    assert errors("-- a comment;\n;;\n/* another */ ;\nselect 1; -- the end\n") == []


def test_files_that_cannot_be_judged(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_bytes(b"\x00\x01create table a (b int);")
    (tmp_path / "2.sql").write_text("")
    (tmp_path / "3.sql").write_text("\ufeffcreate table fresh (id int);\r\ndrop table fresh;\r\n")
    result = pgadvise("gate", str(tmp_path))
    assert result.returncode == 3
    assert "1.sql is not a text file" in sentence(result)
    assert "3 files: 1 could not be judged." in result.stdout and "nothing to object" not in result.stdout
    assert "2.sql holds no statement." in " ".join(result.stdout.split())


def test_data_of_many_rows_is_judged_once() -> None:
    """The rows of one statement repeated are not parsed and judged again, whatever follows them is."""
    rows = "".join(f"insert into seeds_{n % 2} (id, name) values ({n}, 'it''s; {n}');\n" for n in range(2000))
    text = (
        f"create table seeds_0 (id int, name text);\n{rows}drop table orders;\ninsert into seeds_0 (id) values (x y);\n"
    )
    (migration,) = [MigrationText("m.sql", text)]
    (file,) = judge_migrations([migration], 17)
    found = [(f.line, f.rule) for f in file.findings if f.rule != "lock_timeout_missing"]
    assert found == [(2002, "drop_table"), (2003, "syntax_error")]


def test_rows_with_a_new_enum_value_are_each_looked_at() -> None:
    rows = "insert into t values ('old');\n" * 3 + "insert into t values ('new');\n"
    text = f"insert into t values ('old');\nbegin;\nalter type mood add value 'new';\n{rows}commit;\n"
    assert [(f.line, f.rule) for f in judge(text).findings] == [(7, "enum_value_used_in_same_transaction")]


@pytest.mark.server
def test_what_reaches_outside_or_destroys_is_refused_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []
    real = tempfile.mkdtemp

    def recorded(*args: object, **kwargs: object) -> str:
        name = real(*args, **kwargs)  # type: ignore[call-overload]
        made.append(Path(name))
        return str(name)

    monkeypatch.setattr(tempfile, "mkdtemp", recorded)
    target = tmp_path / "must-not-exist"
    texts = {
        "program": f"copy orders to program 'cat > {target}';",
        "file": "copy orders from '/etc/passwd';",
        "read": "select pg_read_file('/etc/passwd');",
        "write": f"copy orders to '{target}';",
        "object": "select lo_import('/etc/passwd');",
        "python": "do language plpython3u $$ import os $$;",
        "c": "create function f() returns int language c as 'libc', 'getpid';",
        "setting": "alter system set fsync = off; set session authorization postgres; set role postgres;",
    }
    files, rehearsal = judged(*texts.values(), schema=SCHEMA, each=True)
    assert rehearsal.ran
    found = dict(zip(texts, files, strict=True))
    for name in ("program", "file", "read", "write", "object", "python", "c"):
        finding = only(found[name], "migration_fails")
        assert (finding.severity, finding.source) == ("high", "run"), name
    assert [f for f in found["setting"].findings if f.rule == "migration_fails"] == []
    assert not target.exists()
    assert made and not any(path.exists() for path in made)


@pytest.mark.server
def test_a_migration_cannot_take_the_database_from_the_ones_after_it() -> None:
    files, rehearsal = judged(
        "drop database pgadvise_base;\ndrop database pgadvise_run_0;\ndrop database postgres;",
        "drop schema public cascade;\ndrop owned by current_user cascade;",
        "alter table orders add column a int;\nalter table nosuch add column a int;",
        schema=SCHEMA, each=True,
    )  # fmt: skip
    assert rehearsal.ran
    assert [(f.line, f.rule) for f in files[0].findings] == [(line, "drop_database") for line in (1, 2, 3)]
    assert "drop_schema" in {f.rule for f in files[1].findings}
    assert only(files[2], "migration_fails").line == 2, "the third file saw the whole schema"


@pytest.mark.server
def test_rows_run_at_once_and_the_refused_one_is_found() -> None:
    rows = [f"insert into customers (email) values ('u{n}');" for n in range(1200)]
    rows[700] = "insert into customers (email) values ('u700'), ('u701', 'one too many');"
    unique = "create table codes (code int primary key);\n"
    codes = "".join(f"insert into codes (code) values ({n % 900});\n" for n in range(1000))
    for wrapped in (False, True):
        files, _ = judged("\n".join(rows), unique + codes, schema=SCHEMA, in_transaction=wrapped)
        assert only(files[0], "migration_fails").line == 701
        first = min(f.line for f in files[1].findings if f.rule == "migration_fails")
        assert first == 902, "row 900 is a duplicate"


@pytest.mark.server
def test_schema_alone_and_with_a_file_that_does_not_load(tmp_path: Path) -> None:
    schema, migration = tmp_path / "schema.sql", tmp_path / "1.sql"
    schema.write_text(SCHEMA)
    migration.write_text("set lock_timeout = '2s';\nalter table orders alter column total type numeric(12,2);\n")
    result = pgadvise("gate", "--schema", str(schema), "--format", "json", str(migration))
    report = json.loads(result.stdout)
    assert (result.returncode, report["ran"], report["files"][0]["findings"]) == (0, True, [])
    schema.write_text(SCHEMA + "create table broken (id nosuchtype);\n")
    result = pgadvise("gate", "--schema", str(schema), str(migration))
    assert result.returncode == 3
    assert "line 4" in sentence(result) and "nosuchtype" in sentence(result)
    assert pgadvise("gate", "--schema", str(schema), "--no-run", str(migration)).returncode == 0
    migration.write_text("drop table orders;")
    assert pgadvise("gate", "--schema", str(schema), str(migration)).returncode == 1, "the verdict by rule stands"


def test_standard_input_may_be_empty() -> None:
    result = pgadvise("gate", "-", stdin="")
    assert result.returncode == 0 and "- holds no statement." in result.stdout


def test_each_way_a_file_can_be_missing(tmp_path: Path) -> None:
    assert pgadvise("gate", str(tmp_path / "nosuch.sql")).returncode == 2
    assert pgadvise("gate", str(tmp_path)).returncode == 2
    (found,) = find_migrations(["-"], "select 1;")
    assert found.path == "-"
