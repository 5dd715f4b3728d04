"""Liquibase's formatted SQL: a transaction for each changeset, as its documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.gate import find_migrations, judge_migrations
from advisor.progress import Silent
from advisor.whatif.migration import RehearsalOptions, rehearse
from tests.gate.test_run import SCHEMA, read

CHANGELOG = """--liquibase formatted sql

--changeset anna:1 labels:a
alter table orders add constraint positive check (total > 0) not valid;
--rollback alter table orders drop constraint positive;

--changeset anna:2
alter table orders validate constraint positive;

--changeset anna:3
create index concurrently orders_total on orders (total);

--changeset anna:4 runInTransaction:false
create index concurrently orders_total on orders (total);
--rollback drop index concurrently orders_total;

--changeset anna:5 dbms:mysql,h2
alter table `orders` modify column total bigint;

--changeset anna:6 dbms:!postgresql
drop table orders;

--changeset anna:7 ignore:true
drop table customers;

--changeset anna:8 splitStatements:false endDelimiter:"/" dbms:postgresql
create function touch() returns trigger language plpgsql as $$ begin new.total := 1; return new; end $$;
alter table orders add constraint small check (total < 9) not valid;
alter table orders validate constraint small;
"""
EXPECTED = [(11, "concurrently_in_transaction"), (29, "validate_in_same_transaction")]


@pytest.mark.parametrize("wrapped", [False, True])
def test_each_changeset_is_a_transaction(tmp_path: Path, wrapped: bool) -> None:
    path = tmp_path / "changelog.sql"
    path.write_text(CHANGELOG)
    (file,) = judge_migrations(find_migrations([str(path)]), 15, schema=SCHEMA, in_transaction=wrapped)
    assert [(f.line, f.rule) for f in file.findings if f.rule != "lock_timeout_missing"] == EXPECTED


@pytest.mark.server
def test_changesets_run_in_transactions_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "changelog.sql"
    path.write_text(CHANGELOG)
    migrations = find_migrations([str(path)])
    rehearsal = rehearse(migrations, None, SCHEMA, RehearsalOptions(major=15), read, Silent())
    assert rehearsal.ran
    (file,) = judge_migrations(migrations, 15, schema=SCHEMA, revisions=rehearsal.revisions)
    assert [(f.line, f.rule) for f in file.findings if f.rule != "lock_timeout_missing"] == EXPECTED
