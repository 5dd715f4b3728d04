"""Bad input of every kind: one clear finding each, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from advisor.model.report import RetentionStatus
from advisor.retention import Policy, check_policy
from tests.server.test_retention_plans import assess, load

pytestmark = pytest.mark.server

# A table without a flaw: its rows are inside the window, and something deletes them by age.
HEALTHY = """create extension if not exists pg_stat_statements;
create table events (id bigint primary key, user_id bigint not null, body text, at timestamptz not null default now());
insert into events select i, 1, 'x', now() - interval '20 days' + i * interval '20 minutes'
from generate_series(1, 1430) i;
create index on events (at);
select pg_stat_statements_reset();
delete from events where at < now() - interval '30 days';
analyze events"""
RULES = '[[tables]]\ntable = "events"\nkeep = "30 days"\n'
LONG = RULES.replace("30 days", "3 years") + 'partition = { interval = "1 year" }\n'
ROLE = """create role pgadvise_guest login;
grant pg_read_all_stats to pgadvise_guest;
"""


def policy(text: str) -> Policy:
    found, problems = check_policy(text)
    assert not problems, problems
    return found


def findings(dsn: str, rules: Policy) -> list[RetentionStatus]:
    """All that is said, but for the verdict that all is well."""
    return [s for s in assess(dsn, rules) if s.rule != "ret.ok"]


@pytest.fixture(params=[13, 18])
def dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    major: int = request.param
    database: str = request.getfixturevalue("make_database")(major)
    load(database, HEALTHY)
    yield database
    with psycopg.connect(database, autocommit=True) as connection:
        if connection.execute("select from pg_roles where rolname = 'pgadvise_guest'").fetchone() is not None:
            connection.execute("drop owned by pgadvise_guest")
            connection.execute("drop role pgadvise_guest")


def test_the_table_without_a_flaw_is_silent(dsn: str) -> None:
    assert findings(dsn, policy(RULES)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[tables]]\ntable = "events"\nkeep = "30"\n', "no unit"),
        ('[[tables]]\ntable = "events"\nkeep = 30\n', "no unit"),
        (RULES + '[[tables]]\ntable = "events"\nkeep = "40 days"\n', "already"),
    ],
)
def test_what_the_file_alone_shows_is_one_problem(text: str, said: str) -> None:
    _, problems = check_policy(text)
    assert len(problems) == 1 and said in str(problems[0]), problems


@pytest.mark.parametrize(
    ("change", "rules", "rule", "said"),
    [
        ("select 1", RULES + '[[tables]]\ntable = "nothing"\nkeep = "1 day"', "ret.table_missing", "no such table"),
        ("select 1", RULES + '[[tables]]\ntable = "EVENTS"\nkeep = "1 day"', "ret.table_missing", "already"),
        ("alter table events alter at drop not null;\nupdate events set at = null where id % 9 = 0;\nanalyze events",
         RULES, "ret.null_time", "never grow old"),
        ("update events set at = now() + interval '90 days' where id % 9 = 0;\nanalyze events",
         RULES, "ret.future_time", "in the future"),
        ("alter table events rename at to stamp;\nalter table events alter stamp drop default, alter stamp type bigint"
         " using id % 1000",
         RULES.replace('keep', 'time_column = "stamp"\nkeep'), "ret.time_column_unknown", "unit"),
        ("alter table events drop at", RULES, "ret.time_column_unknown", "no column looks like the time"),
        ("select 1", LONG, "part.interval_too_big", "longer than all"),
        ("select 1", LONG + 'enforcement = "drop_partition"', "part.interval_too_big", "longer than all"),
    ],
)  # fmt: skip
def test_one_finding_for_one_flaw(dsn: str, change: str, rules: str, rule: str, said: str) -> None:
    load(dsn, change)
    found = findings(dsn, policy(rules))
    assert [s.rule for s in found] == [rule], [(s.rule, s.detail) for s in found]
    assert said in found[0].detail


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000])
def test_epoch_numbers_whose_values_tell_their_unit_are_no_flaw(dsn: str, unit: int) -> None:
    load(
        dsn,
        "alter table events alter at drop default, alter at type bigint"
        f" using (extract(epoch from at) * {unit})::bigint;\nanalyze events",
    )
    assert [(s.rule, s.detail) for s in findings(dsn, policy(RULES))] == []


@pytest.mark.parametrize("monitor", [False, True])
@pytest.mark.parametrize("secured", [False, True])
def test_a_role_that_may_not_look_gets_one_unknown(dsn: str, secured: bool, monitor: bool) -> None:
    role = ROLE if monitor else ROLE.split(";")[0] + ";\n"
    load(dsn, role + ("alter table events enable row level security;\ngrant select on events to pgadvise_guest"
                      if secured else "revoke all on events from public"))  # fmt: skip
    found = findings(dsn.replace("user=postgres", "user=pgadvise_guest"), policy(RULES))
    assert [s.rule for s in found] == ["ret.unknown"], [(s.rule, s.detail) for s in found]
    assert found[0].sql and (("row-level security" in found[0].detail) is secured)
