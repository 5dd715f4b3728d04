"""Every measured case: what the rules say of it, and what servers of 13, 15 and 18 really do.

`rules/migrations/<rule>/cases/measured.sql` holds the cases. A bad one must be found by its rule (and those of
`-- also:`), a good one by none. Each line `-- measured:` is compared with a run on a table with rows: locks that are
left at the end of each statement (SHARE UPDATE EXCLUSIVE and stronger, on what was there before), files written anew,
tables read as a whole under such a lock, what is gone or renamed, refusals.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from advisor.cluster import Cluster
from advisor.gate.rulebook import load_migration_rules
from advisor.gate.state import State
from advisor.gate.static import judge_text, replay_schema
from advisor.model.migration import GateFinding
from tests.gate.measured import measure, parts

SCHEMA = (Path(__file__).parent / "case_schema.sql").read_text()
RULES = tuple(rule for rule in load_migration_rules() if rule.enabled)
CASES = [
    (rule.name, head, sql)
    for rule in RULES
    for head, sql in parts((rule.folder / "cases" / "measured.sql").read_text())
]
IDS = [f"{rule}: {head['name']}" for rule, head, _ in CASES]


def majors_of(head: dict[str, Any]) -> range:
    first, last = (int(part) for part in head.get("majors", "13-18").split("-"))
    return range(first, last + 1)


def judged(sql: str, major: int, rule: str = "") -> list[GateFinding]:
    """Return the findings; those of severity info are no alarm, but `rule`'s own may be."""
    state = State(major)
    replay_schema(SCHEMA, state)
    state.lock_timeout = 2.0
    findings = judge_text("case.sql", sql, state, RULES).findings
    return [finding for finding in findings if finding.severity != "info" or finding.rule == rule]


def expected(rule: str, head: dict[str, Any]) -> set[str]:
    return {rule, *filter(None, head.get("also", "").split("; "))} if head["kind"] == "bad" else set()


def test_there_are_enough_cases_and_half_are_harmless() -> None:
    kinds = Counter(head["kind"] for _, head, _ in CASES)
    assert set(kinds) == {"bad", "good"}
    assert sum(kinds.values()) >= 150
    assert 0.45 < kinds["good"] / sum(kinds.values()) < 0.6
    assert {rule for rule, _, _ in CASES} == {rule.name for rule in RULES}


def test_precision_and_recall_over_the_cases() -> None:
    right = wrong = missed = 0
    told = []
    for rule, head, sql in CASES:
        wanted = expected(rule, head)
        found = {finding.rule for finding in judged(sql, max(majors_of(head)), rule)}
        right, wrong, missed = right + len(wanted & found), wrong + len(found - wanted), missed + len(wanted - found)
        told += [f"{rule}: {head['name']}: {found} instead of {wanted}"] if found != wanted else []
    precision, recall = right / (right + wrong), right / (right + missed)
    assert precision >= 0.97 and recall >= 0.97, "\n".join([f"{precision:.3f} {recall:.3f}", *told])


@pytest.mark.parametrize(("rule", "head", "sql"), CASES, ids=IDS)
def test_the_verdict(rule: str, head: dict[str, Any], sql: str) -> None:
    for major in {min(majors_of(head)), max(majors_of(head))}:
        found = {finding.rule for finding in judged(sql, major, rule)}
        if head["kind"] == "bad":
            assert rule in found
        else:
            assert found == set(), "a harmless case"


@pytest.mark.parametrize(("rule", "head", "sql"), CASES, ids=IDS)
def test_locks_and_rewrites_are_as_measured(rule: str, head: dict[str, Any], sql: str) -> None:
    """The finding's own words against the facts of the same file."""
    facts = facts_of(head, 15 if 15 in majors_of(head) else 18)
    refused = any(fact.startswith("error") for fact in facts)
    locks = {fact.split(" ", 2)[1]: fact.split(" ", 2)[2] for fact in facts if fact.startswith("lock ")}
    for finding in judged(sql, 15 if 15 in majors_of(head) else 18):
        if finding.rule == rule and not refused and locks and finding.lock not in (None, "ROW EXCLUSIVE"):
            assert finding.lock in locks.values()
        if finding.rule == rule and finding.rewrite and not refused and not rule.startswith(("vacuum", "matview")):
            assert any(fact.startswith("rewrite") for fact in facts)
    if head["kind"] == "good" and not refused:
        assert not any(fact.startswith("rewrite") for fact in facts)


def facts_of(head: dict[str, Any], major: int) -> list[str]:
    measured: dict[str, list[str]] = head["measured"]
    for span, facts in measured.items():
        if not span or int(span.split("-")[0]) <= major <= int(span.split("-")[-1]):
            return facts
    raise AssertionError(f"nothing is measured for {major}")


@pytest.fixture(scope="module")
def template(clusters: Callable[[int], Cluster]) -> Iterator[Callable[[int], tuple[Cluster, str]]]:
    """A function major -> (cluster, name of a database with the schema and rows)."""
    made: dict[int, tuple[Cluster, str]] = {}

    def get(major: int) -> tuple[Cluster, str]:
        if major not in made:
            cluster, name = clusters(major), f"cases_{uuid.uuid4().hex[:8]}"
            with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
                admin.execute(f"create database {name}")
            with psycopg.connect(cluster.dsn(name), autocommit=True) as connection:
                connection.execute(SCHEMA.encode())
                connection.execute("analyze")
            made[major] = (cluster, name)
        return made[major]

    yield get
    for cluster, name in made.values():
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)")


@pytest.mark.server
@pytest.mark.parametrize("major", [13, 15, 18])
def test_servers_do_what_is_written(
    template: Callable[[int], tuple[Cluster, str]], major: int, subtests: pytest.Subtests
) -> None:
    cluster, name = template(major)
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute("drop database if exists another_database")
        for rule, head, sql in CASES:
            if major not in majors_of(head):
                continue
            with subtests.test(f"{rule}: {head['name']}"):
                if rule == "drop_database":
                    admin.execute("create database another_database")
                if _in_one_transaction(sql):
                    assert measure(cluster.dsn(name), sql, keep=False) == facts_of(head, major)
                    continue
                copy = f"{name}_copy"
                admin.execute(f"create database {copy} template {name}")
                try:
                    assert measure(cluster.dsn(copy), sql) == facts_of(head, major)
                finally:
                    admin.execute(f"drop database {copy} with (force)")
                    admin.execute("drop database if exists another_database")


def _in_one_transaction(sql: str) -> bool:
    """Whether a case is one statement that can be rolled back: then no copy of the database is needed."""
    words = sql.lower().split()
    outside = {"concurrently", "vacuum", "cluster", "database", "do"} & set(words)
    return sql.count(";") == 1 and not outside
