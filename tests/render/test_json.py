"""The machine interface: valid against its schema, whatever the database holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from advisor.model.report import Report
from advisor.render import json_schema, render
from tests.render.samples import NOW, SAMPLES, hostile_report, huge_report, rich_report

SCHEMA = json_schema()


def parsed(report: Report) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(render(report, "json", color=False, width=None), parse_constant=refuse)


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("make", [*SAMPLES.values(), lambda: huge_report(50)])
def test_report_fits_its_schema(make: Callable[[], Report]) -> None:
    jsonschema.validate(parsed(make()), SCHEMA, format_checker=jsonschema.FormatChecker())


def test_schema_refuses_a_missing_key_and_accepts_a_new_one() -> None:
    document = parsed(rich_report())
    document["news"] = 1
    document["findings"][0]["news"] = 1
    jsonschema.validate(document, SCHEMA)
    del document["findings"][0]["remedy"]["lock"]
    with pytest.raises(jsonschema.ValidationError, match="lock"):
        jsonschema.validate(document, SCHEMA)


def keys(value: Any, *path: str) -> set[str]:
    for step in path:
        value = value[step]
        value = value[0] if isinstance(value, list) else value
    return set(value)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ((), "schema_version tool generated_at server window findings indexes settings retention gaps skipped"),
        (("tool",), "name version"),
        (("server",), "version_num database provider"),
        (("window",), "since until"),
        (("findings",), "key rule severity confidence title object detail evidence remedy"),
        (("findings", "remedy"), "sql undo_sql lock note"),
        (("indexes",), "create drop rejected workload"),
        (
            ("indexes", "create"),
            "ddl undo_ddl table method size_bytes cost_before cost_after statements write_cost reason",
        ),
        (("indexes", "create", "statements"), "fingerprint calls cost_before cost_after"),
        (("indexes", "drop"), "ddl undo_ddl index reason size_bytes"),
        (("indexes", "rejected"), "ddl reason"),
        (("indexes", "workload"), "cost_before cost_after cost_bound statements unusable"),
        (("settings",), "name current proposed reason restart apply_sql undo_sql"),
        (("retention",), "table rule severity policy oldest expired_rows expired_bytes sql"),
        (("gaps",), "what why fix"),
        (("skipped",), "rule why"),
    ],
)
def test_promised_keys_exist(path: tuple[str, ...], wanted: str) -> None:
    assert set(wanted.split()) <= keys(parsed(rich_report()), *path)


def test_parts_that_did_not_run_are_empty_not_absent() -> None:
    document = parsed(SAMPLES["empty"]())
    assert document["indexes"]["create"] == document["settings"] == document["retention"] == []
    assert document["indexes"]["workload"]["unusable"] == []
    assert document["window"] == {"since": None, "until": None}


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    zone = timezone(timedelta(hours=2))
    report = replace(rich_report(), since=NOW.astimezone(zone), until=datetime(2026, 11, 20, 6, 30))
    assert parsed(report)["window"] == {"since": "2026-11-20T06:30:00Z", "until": "2026-11-20T06:30:00Z"}


def test_hostile_texts_stay_data() -> None:
    text = render(hostile_report(), "json", color=False, width=None)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    finding = next(f for f in json.loads(text)["findings"] if f["rule"] == "indexes/hostile")
    assert "\x1b[31mred" in finding["title"]
    assert finding["evidence"]["nan"] is None
    assert finding["evidence"]["nested"] == {"when": "2026-11-20T06:30:00Z", "3": [1, None]}


def test_sql_is_exact() -> None:
    report = hostile_report()
    assert report.indexes is not None
    assert [c["ddl"] for c in parsed(report)["indexes"]["create"]] == [p.ddl for p in report.indexes.create]


def test_megabyte_query_is_cut_with_a_note() -> None:
    query = max((row["query"] for row in parsed(hostile_report())["workload"]), key=len)
    assert len(query) < 5_000
    assert re.search(r"… \(99\d,\d{3} more characters\)$", query)


def test_long_lists_are_bounded_and_counted() -> None:
    document = parsed(huge_report(3_000))
    assert len(document["workload"]) == len(document["indexes"]["workload"]["unusable"]) == 1_000
    assert document["workload_total"] == 3_000
    assert document["indexes"]["workload"]["unusable_total"] == 6_000
    assert len(document["findings"]) == 3_000


def test_same_report_gives_same_text() -> None:
    first, second = (render(rich_report(), "json", color=False, width=None) for _ in range(2))
    assert first == second
