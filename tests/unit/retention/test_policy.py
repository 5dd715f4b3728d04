"""Policy files: what is read, and one clear sentence with its line for everything that is wrong."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.model.names import RelationName
from advisor.retention import check_policy, load_policy, policy_schema
from advisor.retention.conditions import condition_problem
from advisor.retention.policy import parse_table
from advisor.retention.windows import Window, parse_window

POLICIES = sorted((Path(__file__).parents[3] / "fixtures/policies").glob("*.toml"))


def problems(text: str) -> list[tuple[int | None, str]]:
    return [(p.line, p.message) for p in check_policy(text)[1]]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("90 days", Window(days=90)),
        ("30d", Window(days=30)),
        ("6 months", Window(months=6)),
        ("1 year 6 months", Window(months=18)),
        ("2w", Window(days=14)),
        ("12h", Window(seconds=43200)),
        ("1.5 days", Window(days=1, seconds=43200)),
        ("90 DAYS", Window(days=90)),
        ("1 mon", Window(months=1)),
        ("0 days", Window()),
    ],
)
def test_windows(text: str, window: Window) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text", ["90", "", "soon", "5 m", "-3 days", "1.5 months", "3 fortnights", "9999999 years", 90, True]
)
def test_windows_that_are_none(text: object) -> None:
    with pytest.raises(UsageError):
        parse_window(text)


@given(st.integers(0, 500), st.integers(0, 400), st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_a_window_reads_back_and_goes_back_in_time(months: int, days: int, moment: datetime) -> None:
    window = Window(months=months, days=days)
    assert parse_window(str(window)) == window
    moment = moment.replace(tzinfo=UTC)
    assert window.before(moment) <= moment


def test_months_end_like_postgres() -> None:
    assert Window(months=1).before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Window(months=12).before(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2023, 2, 28, tzinfo=UTC)


def test_every_problem_is_told_with_its_line() -> None:
    text = """version = 1
[defaults]
tolerance = "7"

[[tables]]
table = "public.sessions"
keep = "90"

[[tables]]
tabel = "x"
keep = "30 days"

[[tables]]
table = "public.a"
keep = "30 days"
max_age = "10 days"
keep_where = "1; drop table users"

[[tables]]
table = "a"
keep = "1 year"
"""
    found = problems(text)
    assert [line for line, _ in found] == [3, 7, 9, 10, 16, 17]
    assert "has no unit" in found[0][1] and '"90 days"' in found[1][1]
    assert "table is missing" in found[2][1]
    assert 'unknown key "tabel"' in found[3][1]
    assert "shorter than keep" in found[4][1]


def test_two_policies_for_one_table() -> None:
    text = '[[tables]]\ntable = "sessions"\nkeep = "1 day"\n[[tables]]\ntable = "public.sessions"\nkeep = "2 days"\n'
    assert problems(text) == [(4, "public.sessions already has a policy (line 1); one table can have only one.")]


def test_syntax_error_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('version = 1\n[[tables]\ntable = "x"\n')
    with pytest.raises(UsageError, match=r"p\.toml:2: this is not TOML"):
        load_policy(file)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "latin").write_bytes(b'note = "\xe4"')
    with pytest.raises(UsageError, match="not UTF-8"):
        load_policy(tmp_path / "latin")


@pytest.mark.parametrize(
    "text",
    [
        '[retention]\nversion = 1\n[[retention.tables]]\ntable = "x"\nkeep = "1 day"',
        '[tool.pgadvise.retention.tables."x"]\nkeep = "1 day"',
        'dsn = "y"\n[retention.tables.x]\nkeep = "1 day"',
        '[[tables]]\ntable = "x"\nkeep = "1 day"',
    ],
)
def test_places_for_a_policy(text: str) -> None:
    policy, found = check_policy(text)
    assert not found
    assert [(p.table.name, p.keep) for p in policy.tables] == [("x", Window(days=1))]


def test_a_configuration_without_a_policy_is_an_empty_policy() -> None:
    policy, found = check_policy('[report]\nfail_on = "high"\n')
    assert not found and not policy.tables and policy.default_windows


def test_all_keys() -> None:
    policy, found = check_policy(
        """
[defaults]
tolerance = "3 days"
class = "operational"
[[tables]]
table = '"App"."User.Log"'
class = "personal/location"
time_column = "At"
basis = "created"
keep = "90 days"
max_age = "100 days"
enforcement = "drop_partition"
epoch = "ms"
timezone = "Europe/Berlin"
keep_where = "is_read = false and kind in ('a', 'b')"
keep_where_max = "1 year"
partition = { interval = "1 week", premake = 6 }
archive = { after = "2 years", to = "archive" }
pause = { until = 2027-01-31, reason = "audit" }
legal_basis = "DPIA-12"
[[tables.tiers]]
table = "hourly"
bucket = "1 hour"
keep = "1 year"
key = ["student_id"]
[[tables]]
table = "academic.*"
keep = "permanent"
forbid_delete = true
[[exclude]]
table = "users"
reason = "indefinite_retention"
"""
    )
    assert not found
    first, second = policy.tables
    assert (first.table.schema, first.table.name) == ("App", "User.Log")
    assert first.data_class == "personal" and first.interval == Window(days=7) and first.premake == 6
    assert first.tiers[0].bucket == Window(seconds=3600)
    assert first.paused_until is not None and first.paused_until.year == 2027
    assert second.keep is None and second.data_class == "operational" and second.forbid_delete


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sessions", (None, "sessions")),
        ("a.b", ("a", "b")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        ("academic.*", ("academic", "*")),
        ("a.b.c", None),
        ("", None),
        ("a.", None),
        ('"a', None),
    ],
)
def test_table_names(text: str, parts: tuple[str | None, str] | None) -> None:
    found = parse_table(text)
    assert (None if found is None else (found.schema, found.name)) == parts


def test_patterns_match() -> None:
    glob = parse_table("academic.*")
    assert glob is not None and glob.matches(RelationName("academic", "grades"))
    assert not glob.matches(RelationName("public", "grades"))
    folded = parse_table("Public.Sessions")
    assert folded is not None and folded.matches(RelationName("public", "sessions"))


@pytest.mark.parametrize(
    "text",
    [
        "true; drop table x",
        "1=1 -- x",
        "(select 1) = 1",
        "pg_sleep(10) is null",
        "a = 'x",
        "(a = 1",
        "a = 1)",
        "",
        "a = $1",
        "$$x$$",
    ],
)
def test_conditions_refused(text: str) -> None:
    assert condition_problem(text) is not None


@pytest.mark.parametrize(
    "text", ["is_read = false", "not (a or b)", "kind in ('a;b', 'c')", '"Read" is distinct from true']
)
def test_conditions_accepted(text: str) -> None:
    assert condition_problem(text) is None


@pytest.mark.parametrize("file", POLICIES, ids=lambda p: p.stem)
def test_shipped_policies_are_valid_and_fit_the_schema(file: Path) -> None:
    assert load_policy(file).tables
    jsonschema.validate(tomllib.loads(file.read_text()), policy_schema())


def test_the_published_schema_is_the_programs() -> None:
    """Written anew by: pgadvise schema --policy > docs/schema/policy-v1.json."""
    published = POLICIES[0].parents[2] / "docs/schema/policy-v1.json"
    assert json.loads(published.read_text()) == policy_schema()
    jsonschema.Draft202012Validator.check_schema(policy_schema())


def test_schema_refuses_what_the_reader_refuses() -> None:
    for bad in ({"tables": [{"table": "x"}]}, {"tables": [{"table": "x", "keep": "90"}]}, {"tabels": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, policy_schema())
