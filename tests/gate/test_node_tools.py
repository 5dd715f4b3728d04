"""What the migration tools of Node print or write, as they do it: read whole, only the way up, no false alarms.

Printed by drizzle-kit (generate), knex (toString) and node-pg-migrate (create, up --dry-run); Prisma's is written after
its documentation, as its engine is not at hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.gate import find_migrations, judge_migrations

DRIZZLE_1 = """CREATE TABLE "posts" (
	"id" serial PRIMARY KEY NOT NULL,
	"author_id" integer NOT NULL,
	"title" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" serial PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;"""  # noqa: E501 (as it is printed)
DRIZZLE_2 = """ALTER TABLE "posts" ALTER COLUMN "author_id" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "seen_at" timestamp with time zone DEFAULT now();--> statement-breakpoint
CREATE INDEX "posts_author_idx" ON "posts" USING btree ("author_id");"""
KNEX = """create table "users" ("id" serial primary key, "email" varchar(255) not null, "created_at" timestamptz not null default CURRENT_TIMESTAMP);
alter table "users" add constraint "users_email_unique" unique ("email");
alter table "orders" add column "user_id" bigint not null;
alter table "orders" add constraint "orders_user_id_foreign" foreign key ("user_id") references "users" ("id") on delete CASCADE;
create index "orders_user_idx" on "orders" ("user_id");
alter table "orders" drop column "legacy";
alter table "orders" rename "a" to "b";
"""  # noqa: E501 (as it is printed)
DRY_RUN = """dry run
> Migrating files:
> - 1795291354298_add-seen
> - 1795291354299_more
### MIGRATION 1795291354298_add-seen (UP) ###
-- Up Migration
;
INSERT INTO "public"."pgmigrations" (name, run_on) VALUES ('1795291354298_add-seen', NOW());


### MIGRATION 1795291354299_more (UP) ###
ALTER TABLE "orders"
  ADD "user_id" bigint NOT NULL REFERENCES "users";
CREATE INDEX CONCURRENTLY "orders_user_id_index" ON "orders" ("user_id");
INSERT INTO "public"."pgmigrations" (name, run_on) VALUES ('1795291354299_more', NOW());


Migrations complete!
"""
NODE_PG_MIGRATE = (
    "-- Up Migration\nalter table orders add note text;\n-- Down Migration\nalter table orders drop note;\n"
)
PRISMA = """/*
  Warnings:

  - You are about to drop the column `name` on the `User` table. All the data in the column will be lost.

*/
-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');

-- AlterTable
ALTER TABLE "User" DROP COLUMN "name",
ADD COLUMN     "role" "Role" NOT NULL DEFAULT 'USER';

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
"""
LOCK_FILE = 'provider = "postgresql"\n'


def judged(folder: Path, files: dict[str, str], each: bool = False) -> dict[str, list[tuple[int, str]]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = judge_migrations(find_migrations([str(folder)]), 17, each=each)
    return {
        str(Path(file.path).relative_to(folder)): [
            (f.line, f.rule) for f in file.findings if f.rule != "lock_timeout_missing" and f.severity != "info"
        ]
        for file in found
    }


def test_drizzle(tmp_path: Path) -> None:
    files = {"0000_step1.sql": DRIZZLE_1, "0001_step2.sql": DRIZZLE_2, "meta/_journal.json": "{}"}
    assert judged(tmp_path, files) == {"0000_step1.sql": [], "0001_step2.sql": []}
    alone = judged(tmp_path, {}, each=True)["0001_step2.sql"]
    assert alone == [(1, "type_change_rewrite"), (3, "index_create_blocking")]


def test_knex(tmp_path: Path) -> None:
    (found,) = judged(tmp_path, {"1.sql": KNEX}).values()
    assert [rule for line, rule in found if line < 3] == []
    assert {(3, "add_column_required"), (5, "index_create_blocking"), (6, "drop_column"), (7, "rename_column")} <= set(
        found
    )


def test_prisma(tmp_path: Path) -> None:
    files = {
        "migration_lock.toml": LOCK_FILE,
        "20260101_init/migration.sql": '-- CreateTable\nCREATE TABLE "Post" ("id" SERIAL NOT NULL);\n',
        "20260102_role/migration.sql": PRISMA,
    }
    found = judged(tmp_path, files)
    assert list(found) == ["20260101_init/migration.sql", "20260102_role/migration.sql"]
    assert found["20260101_init/migration.sql"] == []
    assert found["20260102_role/migration.sql"] == [(11, "drop_column"), (15, "index_create_blocking")]


def test_node_pg_migrate(tmp_path: Path) -> None:
    files = {
        "1795291354298_note.sql": NODE_PG_MIGRATE,
        "1795291354299_empty.sql": "-- Up Migration\n\n-- Down Migration",
    }
    assert judged(tmp_path, files) == {"1795291354298_note.sql": [], "1795291354299_empty.sql": []}


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_node_pg_migrate_prints(wrapped: bool) -> None:
    (file,) = judge_migrations(find_migrations(["-"], DRY_RUN), 17, in_transaction=wrapped)
    found = {(f.line, f.rule) for f in file.findings}
    assert (12, "add_column_required") in found
    assert "syntax_error" not in {rule for _, rule in found}
    assert ((14, "concurrently_in_transaction") in found) is wrapped
