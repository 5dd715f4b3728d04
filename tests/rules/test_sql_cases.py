"""The SQL cases of the rules on real servers: the bad is found, its remedy cures it, the undo brings it back.

Each case has a scratch database, and each statement a session of its own: CONCURRENTLY refuses transactions, and a
session's counters reach the statistics when it ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import psycopg
import pytest

from advisor.analyse import Judgement, judge
from advisor.cluster import SUPPORTED_MAJORS
from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.finding import Finding
from advisor.model.lookup import Catalog
from advisor.model.snapshot import decode_snapshot, encode_snapshot
from advisor.rulebook import load_rules
from tests.rules.cases import Case, cases_of

CASES = [case for rule in load_rules() for case in cases_of(rule) if case.is_sql]
# The ends of the range catch most differences; CI runs all.
MAJORS = SUPPORTED_MAJORS if os.environ.get("CI") else (SUPPORTED_MAJORS[0], SUPPORTED_MAJORS[-1])
pytestmark = pytest.mark.server


def run(dsn: str, statements: Iterable[str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as watcher:
        for statement in statements:
            with psycopg.connect(dsn, autocommit=True) as connection:
                pid = connection.info.backend_pid
                connection.execute(statement.encode())
            # Up to 14 counters travel when the server process ends, and must not overtake each other.
            while watcher.execute("select from pg_stat_activity where pid = %s", (pid,)).fetchone() is not None:
                time.sleep(0.002)


def examine(dsn: str, case: Case, major: int) -> Judgement:
    if major < 15 and "vacuum" in case.text:
        time.sleep(0.6)  # the statistics collector hands out counters that are up to half a second old
    with open_connection(dsn) as connection:
        snapshot = collect(connection, rules=[case.rule])
    snapshot = decode_snapshot(encode_snapshot(snapshot))  # a rule must see the same in a file
    snapshot = replace(snapshot, gaps=tuple(gap for gap in snapshot.gaps if gap.what.startswith("rule ")))
    judgement = judge(snapshot, Catalog(snapshot), [case.rule], {case.rule.id: case.params})
    assert judgement.skipped == (), judgement.skipped
    return judgement


def objects(findings: Iterable[Finding]) -> list[str]:
    return sorted(finding.object for finding in findings)


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sql_case(case: Case, major: int, make_database: Callable[..., str]) -> None:
    if not case.fits(major):
        pytest.skip(f"does not apply to PostgreSQL {major}")
    dsn = make_database(major)
    run(dsn, case.statements)
    found = examine(dsn, case, major).findings
    assert objects(found) == case.expected
    remedied = [finding for finding in found if finding.remedy.sql]
    # What restarts the server or changes it for all databases is not tried here.
    remedied = [f for f in remedied if not any("ALTER SYSTEM" in sql for sql in f.remedy.sql)]
    for finding in remedied:
        run(dsn, finding.remedy.sql)
    cured = {finding.key for finding in remedied}
    left = {finding.key for finding in examine(dsn, case, major).findings} if cured else set()
    assert not cured & left, "the remedy did not remove the finding"
    undone = [finding for finding in remedied if finding.remedy.undo_sql]
    for finding in undone:
        run(dsn, finding.remedy.undo_sql)
    back = {finding.key for finding in examine(dsn, case, major).findings} if undone else set()
    assert {finding.key for finding in undone} <= back, "the undo does not bring back what was"
