"""Which files are migrations, in which order they are applied, and which part of them goes up: tool by tool."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from advisor.gate import find_migrations, judge_migrations
from advisor.gate.files import MigrationText

GONE = "drop table gone;"


def write(folder: Path, *names: str, text: str = "select 1;\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def order(*paths: Path) -> list[str]:
    found = find_migrations([str(path) for path in paths])
    return [os.path.relpath(m.path, paths[0] if len(paths) == 1 else paths[0].parent) for m in found]


@pytest.mark.parametrize(
    ("names", "applied"),
    [
        # Flyway: versions, then what is repeated; undo files and the baseline of an empty database are not pending
        (
            ["R__views.sql", "V10__b.sql", "V2__a.sql", "V2_1__c.sql", "U2__a.sql", "B1__start.sql"],
            ["V2__a.sql", "V2_1__c.sql", "V10__b.sql", "R__views.sql"],
        ),
        # golang-migrate, sqlx
        (["2_b.up.sql", "10_c.up.sql", "2_b.down.sql", "1_a.up.sql"], ["1_a.up.sql", "2_b.up.sql", "10_c.up.sql"]),
        # Diesel, Hasura: a folder each; Prisma with its optional down.sql
        (["2_b/up.sql", "2_b/down.sql", "1_a/up.sql"], ["1_a/up.sql", "2_b/up.sql"]),
        (["20240102_b/migration.sql", "20240101_a/migration.sql", "20240101_a/down.sql"],
         ["20240101_a/migration.sql", "20240102_b/migration.sql"]),
        # yoyo, Supabase, Atlas
        (["0002.sql", "0002.rollback.sql", "0001.sql"], ["0001.sql", "0002.sql"]),
    ],
)  # fmt: skip
def test_the_order_of_a_folder(tmp_path: Path, names: list[str], applied: list[str]) -> None:
    write(tmp_path, *names)
    assert order(tmp_path) == applied


def test_sqitch_follows_its_plan(tmp_path: Path) -> None:
    write(
        tmp_path, "deploy/users.sql", "deploy/accounts.sql", "deploy/later.sql", "revert/users.sql", "verify/users.sql"
    )
    (tmp_path / "sqitch.plan").write_text(
        "%syntax-version=1.0.0\n%project=x\n\nusers 2024-01-01T00:00:00Z A <a@b> # first\n"
        "@v1 2024-01-02T00:00:00Z A <a@b>\n"
        "later [users] 2024-01-03T00:00:00Z A <a@b> # second\naccounts 2024-01-04T00:00:00Z A <a@b> # third\n"
    )
    assert order(tmp_path) == ["deploy/users.sql", "deploy/later.sql", "deploy/accounts.sql"]
    assert order(tmp_path / "deploy") == ["users.sql", "later.sql", "accounts.sql"]


def test_files_of_a_shell_pattern_are_put_in_order(tmp_path: Path) -> None:
    write(tmp_path, "V1.up.sql", "V10.up.sql", "V2.up.sql", "V2.down.sql")
    named = [tmp_path / name for name in ("V1.up.sql", "V10.up.sql", "V2.down.sql", "V2.up.sql")]
    assert order(*named) == ["V1.up.sql", "V2.up.sql", "V10.up.sql"]
    own = [tmp_path / name for name in ("V2.up.sql", "V10.up.sql", "V1.up.sql")]
    assert order(*own) == ["V2.up.sql", "V10.up.sql", "V1.up.sql"]
    assert order(tmp_path / "V2.down.sql", tmp_path / "V2.down.sql") == ["V2.down.sql", "V2.down.sql"], "asked for"


@pytest.mark.parametrize(
    "text",
    [
        f"-- migrate:up\nselect 1;\n-- migrate:down\n{GONE}\n",
        f"-- migrate:down\n{GONE}\n-- migrate:up\nselect 1;\n",
        f"-- +goose Up\n-- +goose StatementBegin\nselect 1;\n-- +goose StatementEnd\n-- +goose Down\n{GONE}\n",
        f"-- +migrate Up\nselect 1;\n-- +migrate Down\n{GONE}\n",
        f"-- Up Migration\nselect 1;\n-- Down Migration\n{GONE}\n",
        f"-- // a title\nselect 1;\n-- //@UNDO\n{GONE}\n",
        f"select 1;\n\n---- create above / drop below ----\n{GONE}\n",
        f"--liquibase formatted sql\n--changeset a:1\nselect 1;\n--rollback {GONE}\n--changeset a:2\nselect 2;\n",
        f"--liquibase formatted sql\n--changeset a:1\nselect 1;\n/* liquibase rollback\n{GONE}\n*/\n",
        f"-- atlas:txtar\n\n-- checks.sql --\nselect 0;\n-- migration.sql --\nselect 1;\n-- down.sql --\n{GONE}\n",
    ],
)
def test_only_the_way_up_of_a_file(tmp_path: Path, text: str) -> None:
    write(tmp_path, "1.sql", text=text)
    (file,) = judge_migrations(find_migrations([str(tmp_path)]), 17)
    assert [finding.rule for finding in file.findings] == []


def test_words_in_a_comment_begin_no_way_down(tmp_path: Path) -> None:
    write(tmp_path, "1.sql", text=f"-- this migration goes down well\n-- rename, then migrate\n{GONE}\n")
    (file,) = judge_migrations(find_migrations([str(tmp_path)]), 17)
    assert "drop_table" in {finding.rule for finding in file.findings}


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("-- migrate:up\n{}\n", True),
        ("-- +goose Up\n{}\n", True),
        ("-- +migrate Up\n{}\n", True),
        ("-- migrate:up transaction:false\n{}\n", False),
        ("-- +goose NO TRANSACTION\n-- +goose Up\n{}\n", False),
        ("-- +migrate Up notransaction\n{}\n", False),
        ("-- atlas:txmode none\n{}\n", False),
        ("{}\n", False),  # nothing is known of the tool
    ],
)
def test_tools_that_wrap_are_known(tmp_path: Path, text: str, fails: bool) -> None:
    write(tmp_path, "1.sql", text=text.format("create index concurrently i on orders (a);"))
    (file,) = judge_migrations(find_migrations([str(tmp_path)]), 17)
    assert ([finding.rule for finding in file.findings] == ["concurrently_in_transaction"]) is fails


def test_flyway_configures_one_script(tmp_path: Path) -> None:
    write(tmp_path, "V1__i.sql", text="create index concurrently i on orders (a);")
    write(tmp_path, "V1__i.sql.conf", text="executeInTransaction=false\n")
    (found,) = find_migrations([str(tmp_path)])
    assert isinstance(found, MigrationText) and found.no_transaction


def test_what_django_and_alembic_print_holds_their_transaction(tmp_path: Path) -> None:
    """As printed by sqlmigrate of Django 5 and `alembic upgrade --sql`: the BEGIN is the tool's, not one too many."""
    django = (
        'BEGIN;\n--\n-- Add field note to order\n--\nALTER TABLE "shop_order" ADD COLUMN "note" text NULL;\n'
        'CREATE INDEX "i" ON "shop_order" ("note");\nCOMMIT;\n'
    )
    alembic = (
        "BEGIN;\n\n-- Running upgrade a1 -> a2\n\nALTER TABLE orders ADD COLUMN note TEXT;\n\n"
        "UPDATE alembic_version SET version_num='a2' WHERE alembic_version.version_num = 'a1';\n\nCOMMIT;\n"
    )
    for text, expected in ((django, {"index_create_blocking", "work_while_holding_exclusive_lock"}), (alembic, set())):
        path = tmp_path / "printed.sql"
        path.write_text(text)
        for wrapped in (False, True):
            (file,) = judge_migrations(find_migrations([str(path)]), 17, in_transaction=wrapped)
            assert {f.rule for f in file.findings} - {"lock_timeout_missing"} == expected
