"""The doctor's answer, from any object of its shape."""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg
import pytest

from advisor.errors import UsageError
from advisor.render.doctor import render_doctor
from tests.render.samples import HOSTILE


@dataclass(frozen=True)
class Check:
    name: str
    status: str
    why: str
    costs: str | None = None
    fix: str | None = None


@dataclass(frozen=True)
class Answer:
    checks: tuple[Check, ...]
    version: str = "15.18"
    database: str = "school"
    role: str = "app_ro"
    is_superuser: bool = False
    memberships: tuple[str, ...] = ("pg_monitor",)


SICK = Answer(
    (
        Check("settings", "ok", "353 settings"),
        Check("pg_stat_statements", "missing", "not in this database", "no workload", "CREATE EXTENSION x"),
        Check("statistics", "missing", "permission denied", None, "CREATE EXTENSION x"),
        Check("pooler", "note", "PgBouncer is in front", None, "Connect to the server itself."),
    )
)


def test_text_says_what_is_missing_and_the_sql_once() -> None:
    text = render_doctor(SICK, "text", color=False, width=80)
    assert "2 things are missing" in text
    assert "costs: no workload" in text
    assert text.count("CREATE EXTENSION x;") == 1
    assert "Connect to the server itself." in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_well_is_well() -> None:
    text = render_doctor(Answer(SICK.checks[:1]), "text", color=False, width=None)
    assert "Everything works" in text
    assert "CREATE" not in text


def test_json_holds_all() -> None:
    answer = json.loads(render_doctor(SICK, "json"))
    assert [check["status"] for check in answer["checks"]] == ["ok", "missing", "missing", "note"]
    assert answer["memberships"] == ["pg_monitor"]


def test_hostile_names_send_no_sequences() -> None:
    text = render_doctor(Answer((Check(HOSTILE, "missing", HOSTILE, HOSTILE, HOSTILE),), database=HOSTILE), color=False)
    assert "\x1b" not in text


def test_unknown_format() -> None:
    with pytest.raises(UsageError):
        render_doctor(SICK, "html")


@pytest.mark.server
def test_real_answer(database: str) -> None:
    from advisor.collect.doctor import examine

    with psycopg.connect(database) as connection:
        answer = examine(connection)
    text = render_doctor(answer, "text", color=False, width=80)
    assert "superuser" in text
    assert len(json.loads(render_doctor(answer, "json"))["checks"]) == len(answer.checks)
