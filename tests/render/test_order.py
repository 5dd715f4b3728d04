"""What to do first: one order, nothing twice, everything kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.model.finding import Confidence, Finding, Remedy, Severity
from advisor.model.names import RelationName
from advisor.model.report import IndexAdvice, Report
from advisor.render import actions, items, render, worst
from advisor.render.steps import gain, time_shares, touched_share
from tests.render.samples import SAMPLES, drops, proposals, rich_report, setting, settings_advice


def ranks(report: Report) -> list[tuple[int, float]]:
    return [(action.severity.rank, -action.share) for action in actions(report)]


@pytest.mark.parametrize("name", SAMPLES)
def test_severity_first_then_the_win(name: str) -> None:
    report = SAMPLES[name]()
    assert ranks(report) == sorted(ranks(report))
    assert [i.severity.rank for i in items(report)] == sorted(i.severity.rank for i in items(report))


@pytest.mark.parametrize("name", SAMPLES)
def test_groups_lose_nothing(name: str) -> None:
    report = SAMPLES[name]()
    members = [member.key for action in actions(report) for member in (action.members or (action,))]
    assert sorted(members) == sorted(item.key for item in items(report))
    statements = {statement for action in actions(report) for statement in action.sql}
    assert statements == {statement for item in items(report) for statement in item.sql}


def test_order_does_not_depend_on_the_input_order() -> None:
    report = rich_report()
    assert report.indexes is not None
    mixed = replace(
        report,
        findings=report.findings[::-1],
        retention=report.retention[::-1],
        indexes=replace(report.indexes, create=report.indexes.create[::-1], drop=report.indexes.drop[::-1]),
    )
    assert [action.key for action in actions(mixed)] == [action.key for action in actions(report)]


def test_index_is_as_urgent_as_the_time_it_saves() -> None:
    found = {item.title.split("(")[0].strip(): item for item in items(rich_report()) if item.rule == "index/create"}
    latest = found["Create index on geolocation_data"]
    assert latest.severity is Severity.HIGH
    assert latest.share == pytest.approx(0.62, abs=0.001)
    assert found["Create index on users"].severity is Severity.MEDIUM


def test_without_execution_times_the_planned_cost_decides() -> None:
    report = rich_report()
    report = replace(report, workload=tuple(replace(row, share=None) for row in report.workload))
    assert gain(time_shares(report), proposals()[0].statements) is None
    first = next(item for item in items(report) if item.rule == "index/create")
    assert first.share == pytest.approx(9.189e9 / 9.7e9, rel=0.001)
    assert "execution time" not in first.win


def test_statement_named_twice_counts_once() -> None:
    effects = proposals()[0].statements[:1] * 2
    assert touched_share(time_shares(rich_report()), effects) == pytest.approx(0.62)


def finding(**changes: object) -> Finding:
    base = Finding(
        rule="indexes/unused_index",
        severity=Severity.LOW,
        confidence=Confidence.HIGH,
        title="Index is not used",
        object=str(drops()[1].index),
        detail="",
        remedy=Remedy(sql=(drops()[1].ddl.lower() + ";",)),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_rule_and_search_on_the_same_index_speak_once() -> None:
    report = replace(rich_report(), findings=(finding(),))
    matching = [item for item in items(report) if item.object == str(drops()[1].index)]
    assert [item.rule for item in matching] == ["index/drop_unused"]


def test_critical_finding_on_a_dropped_index_is_not_hidden() -> None:
    corrupt = finding(rule="indexes/corrupt", severity=Severity.CRITICAL, remedy=Remedy(sql=("REINDEX INDEX x",)))
    report = replace(rich_report(), findings=(corrupt,))
    assert items(report)[0].rule == "indexes/corrupt"


def foreign_key(table: str, *columns: str) -> Finding:
    evidence = {"table": table, "columns": list(columns)}
    return finding(rule="indexes/foreign_key_without_index", object=f"{table} x", remedy=Remedy(), evidence=evidence)


@pytest.mark.parametrize(
    ("table", "columns", "covered"),
    [
        ("public.geolocation_data", ("student_id",), True),
        ("public.geolocation_data", ("timestamp", "student_id"), True),
        ("public.geolocation_data", ("timestamp",), False),
        ("public.geolocation_data", (), False),
        ("public.sessions", ("student_id",), False),
        ("public.notifications", ("user_id",), False),  # the proposal there is partial
    ],
)
@pytest.mark.parametrize("format", ["text", "markdown", "html", "sql"])
def test_key_served_by_a_proposal_gets_no_second_index(
    table: str, columns: tuple[str, ...], covered: bool, format: str
) -> None:
    key = foreign_key(table, *columns)
    report = replace(rich_report(), findings=(replace(key, title="Key without index"),), retention=())
    assert any(item.key == key.key for item in items(report)) is not covered
    if format != "sql" or not covered:
        assert ("Key without index" in render(report, format, color=False, width=80)) is not covered


def test_settings_are_one_step_with_one_reload() -> None:
    step = next(action for action in actions(rich_report()) if action.rule == "settings/change")
    assert step.severity is Severity.HIGH
    assert step.title == "Change 3 settings"
    assert step.sql[-1] == "SELECT pg_reload_conf()"
    assert step.sql.count("SELECT pg_reload_conf()") == 1
    assert step.costs == "one restart for 1 of them, a reload for the others"


def test_findings_of_the_settings_part_are_there_once() -> None:
    extra = finding(rule="settings/memory", object="server", remedy=Remedy())
    report = replace(rich_report(), findings=(extra,), settings=replace(settings_advice(), findings=(extra,)))
    assert sum(item.rule == "settings/memory" for item in items(report)) == 1


def test_table_within_its_window_is_no_step() -> None:
    assert not any(item.object == "public.sessions" and item.subject == "retention" for item in items(rich_report()))


def test_unknown_severity_is_medium_and_worst_is_the_worst() -> None:
    advice = replace(settings_advice(), proposals=(setting("a", "1", "2", "r", severity="odd"),))
    report = replace(SAMPLES["healthy"](), settings=advice)
    assert worst(report) is Severity.MEDIUM
    assert worst(rich_report()) is Severity.CRITICAL
    assert worst(SAMPLES["healthy"]()) is None


def test_least_sure_member_gives_the_confidence() -> None:
    report = replace(
        rich_report(),
        indexes=IndexAdvice(drop=(replace(drops()[1], confidence="high"), replace(drops()[2], confidence="low"))),
    )
    assert next(a for a in actions(report) if a.rule == "index/drop_unused").confidence == "low"


def test_an_index_is_dropped_after_the_one_that_takes_its_place() -> None:
    """However much the old one weighs, its drop is no step before the build; drops of one kind are not put together."""
    report = rich_report()
    assert report.indexes is not None
    shorter = [
        replace(
            report.indexes.create[0], name=f"short_{n}", replaces=(f"public.wide_{n}",), frees_bytes=(n + 2) << 30,
            size_bytes=1 << 30, statements=(), ddl=f"CREATE INDEX CONCURRENTLY short_{n} ON t (a)",
        )
        for n in range(2)
    ]  # fmt: skip
    wide = [
        replace(
            report.indexes.drop[0], index=RelationName("public", f"wide_{n}"), kind="replaced", size_bytes=90 << 30,
            ddl=f"DROP INDEX CONCURRENTLY public.wide_{n}",
        )
        for n in range(2)
    ]  # fmt: skip
    advice = replace(report.indexes, create=(*report.indexes.create, *shorter), drop=(*report.indexes.drop, *wide))
    order = [line for step in actions(replace(report, indexes=advice)) for line in step.sql]
    for n in range(2):
        assert order.index(shorter[n].ddl) < order.index(wide[n].ddl)
    step = next(one for one in actions(replace(report, indexes=advice)) if one.title.endswith("public.wide_1"))
    assert "in place of" in step.title and "instead of" in step.win
