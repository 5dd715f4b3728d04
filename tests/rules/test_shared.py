"""What several rules compute with: autovacuum thresholds, query excerpts, samples of sessions, releases, roll-up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.model.autovacuum import autovacuum_disabled, option, setting_number, thresholds
from advisor.model.excerpt import excerpt
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.needs import extension_problem
from advisor.model.releases import AS_OF, RELEASES
from advisor.model.rollup import by_root, statistics_visible
from advisor.model.sessions import label, latest, seconds_since, with_blockers
from tests.rules.cases import fill_snapshot


def table_of(version_num: int, settings: dict[str, str], *reloptions: str):  # type: ignore[no-untyped-def]
    snapshot = fill_snapshot(
        {
            "server": {"version_num": version_num},
            "settings": [{"name": name, "setting": value} for name, value in settings.items()],
            "tables": [{"schema": "s", "name": "t", "kind": "r", "reloptions": list(reloptions)}],
        }
    )
    return snapshot, snapshot.tables[0]


def test_thresholds_follow_the_documented_formula() -> None:
    snapshot, table = table_of(150000, {"autovacuum_vacuum_threshold": "50", "autovacuum_vacuum_scale_factor": "0.2"})
    found = thresholds(snapshot, table, 1000)
    assert (found.dead_rows, found.inserted_rows, found.changed_rows) == (250, 1200, 150)


def test_the_tables_own_options_win() -> None:
    snapshot, table = table_of(
        150000,
        {"autovacuum_vacuum_scale_factor": "0.2"},
        "autovacuum_vacuum_scale_factor=0.01",
        "autovacuum_vacuum_insert_threshold=-1",
        "autovacuum_analyze_threshold=7",
    )
    found = thresholds(snapshot, table, 1000)
    assert (found.dead_rows, found.inserted_rows, found.changed_rows) == (60, None, 107)


@pytest.mark.parametrize(
    ("version", "cap", "expected"),
    [(170000, None, 200_000_050), (180000, None, 100_000_000), (180000, "-1", 200_000_050), (180000, "5", 5)],
)
def test_postgresql_18_caps_the_threshold(version: int, cap: str | None, expected: float) -> None:
    settings = {} if cap is None else {"autovacuum_vacuum_max_threshold": cap}
    snapshot, table = table_of(version, settings)
    assert thresholds(snapshot, table, 1e9).dead_rows == expected


def test_options_and_settings_that_are_no_numbers_count_as_not_set() -> None:
    snapshot, table = table_of(150000, {"odd": "many"}, "autovacuum_vacuum_threshold=x", "autovacuum_enabled=Off")
    assert setting_number(snapshot, "odd") is None
    assert thresholds(snapshot, table, 0).dead_rows == 50
    assert autovacuum_disabled(table)
    assert option(table, "fillfactor") is None


@pytest.mark.parametrize(
    "query",
    [
        "create role app login password 'hunter2'",
        "ALTER USER app PASSWORD 'hunter2'",
        "alter system set primary_conninfo = 'password=hunter2'",
        "create subscription s connection 'password=hunter2' publication p",
        "select 1 /* hunter2 */",
        "select 1 -- hunter2",
        "/* hunter2 */ select 1",
        "select 1 /* hunter2",
        "insert into users (name, password) values ($1, 'hunter2')",
        "select 1 where a = e'it\\'s hunter2'",
        "select 1 where a = $$hunter2$$ and b = $x$hunter2$x$",
        "select 1 where a = 'hunter2",
        "select '--', 'hunter2'",
        "select 1 /* it's */ where a = 'hunter2' /* it's */",
        """select "a'b" from t where c = 'hunter2'""",
    ],
)
def test_excerpts_hold_no_secret(query: str) -> None:
    assert "hunter2" not in excerpt(query)


@given(st.text(max_size=2000), st.integers(min_value=10, max_value=300))
def test_an_excerpt_is_one_short_line(query: str, width: int) -> None:
    line = excerpt(query, width)
    assert "\n" not in line and len(line) <= width


def test_an_excerpt_keeps_what_tells_statements_apart() -> None:
    query = """select "Name" from t where a = $1 and b = 'x' -- why"""
    assert excerpt(query) == """select "Name" from t where a = $1 and b = '…'"""


def test_sessions_of_the_last_round_count() -> None:
    snapshot = fill_snapshot(
        {
            "sessions": [
                {"pid": 1, "sampled_at": "-60 s", "role": "gone"},
                {
                    "pid": 2,
                    "sampled_at": "-60 s",
                    "role": "app",
                    "state": "active",
                    "blocked_by": [9],
                    "query_start": "-90 s",
                },
                {"pid": 2, "sampled_at": "-0 s", "role": "app", "state": "active", "query_start": "-90 s"},
                {"pid": 3, "sampled_at": "-0 s", "role": "me", "application_name": "pgadvise/1"},
            ]
        }
    )
    assert [session.pid for session in latest(snapshot.sessions)] == [2]
    (waiting,) = with_blockers(snapshot.sessions)
    assert waiting.blocked_by == (9,)
    assert seconds_since(waiting.query_start, waiting) == 30
    assert label(waiting) == "app"


def test_partitions_are_gathered_under_the_root() -> None:
    def part(name: str, parent: str | None) -> dict[str, object]:
        up = {"parent": {"schema": "s", "name": parent}, "is_partition": True} if parent else {}
        return {"schema": "s", "name": name, "kind": "r", **up}

    snapshot = fill_snapshot({"tables": [part("root", None), part("a", "root"), part("b", "a"), part("other", None)]})
    groups = by_root(Catalog(snapshot), snapshot.tables)
    assert {str(root): [t.name for t in tables] for root, tables in groups.items()} == {
        "s.root": ["root", "a", "b"],
        "s.other": ["other"],
    }
    assert RelationName("s", "root") in groups


def test_statistics_are_visible_to_superusers_owners_and_readers() -> None:
    def visible(**server: object) -> bool:
        tables = [{"schema": "s", "name": "t", "owner": "app", "row_security": server.pop("secured", False)}]
        snapshot = fill_snapshot({"server": {"is_superuser": False, "user": "x", **server}, "tables": tables})
        return statistics_visible(snapshot, snapshot.tables[0])

    assert visible(is_superuser=True) and visible(user="app") and visible(memberships=["pg_read_all_data"])
    assert not visible() and not visible(user="app", secured=True)


def test_extension_versions_compare_as_numbers() -> None:
    assert extension_problem("a>=1.9", {"a": "1.10"}) is None
    assert "not installed" in (extension_problem("a", {}) or "")


def test_the_release_table_is_complete_and_in_order() -> None:
    assert set(RELEASES) >= {13, 14, 15, 16, 17, 18}
    ends = [RELEASES[major].end_of_life for major in sorted(RELEASES)]
    assert ends == sorted(ends)
    assert AS_OF.year >= 2026
