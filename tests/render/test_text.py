"""The terminal report: 80 columns, no control sequences of others, SQL that survives copying."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from advisor.model.names import RelationName
from advisor.render import FORMATS, actions, render
from advisor.render.page import Page
from tests.render.samples import HOSTILE, SAMPLES, hostile_report, huge_report, rich_report, settings_advice

SQL_LINE = re.compile(r"^ +(CREATE|DROP|ALTER|ANALYZE|DELETE|GRANT|REVOKE|VACUUM|SELECT|--|U&|ON |USING|WHERE|\"|\()")


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [80, 100, None])
def test_lines_fit(name: str, width: int | None) -> None:
    for line in render(SAMPLES[name](), "text", color=False, width=width).splitlines():
        assert cell_len(line) <= (width or 80) or SQL_LINE.match(line), line


@pytest.mark.parametrize("width", [1, 59, 5_000])
def test_odd_widths_are_bent_to_readable_ones(width: int) -> None:
    lines = render(rich_report(), "text", color=False, width=width).splitlines()
    assert max(cell_len(line) for line in lines if not SQL_LINE.match(line)) <= 120


def test_wide_characters_are_counted_as_two_columns() -> None:
    page = Page(color=False, width=60)
    page.prose("漢字" * 60)
    page.row([("漢字" * 20, 10, ""), ("漢字" * 40, 0, "")])
    assert all(cell_len(line) <= 60 for line in page.text().splitlines())


def test_no_trailing_blanks_in_plain_text() -> None:
    assert not re.search(r"[ \t]$", render(rich_report(), "text", color=False, width=80), re.MULTILINE)


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"json", "csv"}))
def test_no_control_sequence_gets_through(format: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", render(hostile_report(), format, color=False, width=80))


def test_color_adds_only_styles() -> None:
    colored = render(hostile_report(), "text", color=True, width=80)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(hostile_report(), "text", color=False, width=80)


def test_only_labels_are_dim() -> None:
    colored = render(rich_report(), "text", color=True, width=80)
    assert re.search(r"\x1b\[2mwhy +\x1b\[0m\S", colored)


def test_every_shown_statement_can_be_pasted() -> None:
    text = squeezed(render(rich_report(), "text", color=False, width=80))
    for action in actions(rich_report())[:7]:
        for statement in (*action.sql, *action.undo_sql):
            assert squeezed(statement) + ";" in text


def test_newcomer_sees_verdict_and_steps_on_the_first_screen() -> None:
    first = render(rich_report(), "text", color=False, width=80).splitlines()[:40]
    assert any("4 things need attention now" in line for line in first)
    assert any("WHAT TO DO FIRST" in line for line in first)
    assert any("CREATE INDEX CONCURRENTLY" in line for line in first)


def test_healthy_database_gives_a_short_calm_report() -> None:
    text = render(SAMPLES["healthy"](), "text", color=False, width=80)
    assert "All is well: there is nothing to do." in text
    assert "WHAT TO DO FIRST" not in text
    assert len(text.splitlines()) < 50


def test_unreadable_server_is_not_called_healthy() -> None:
    text = render(SAMPLES["empty"](), "text", color=False, width=80)
    assert "Nothing could be judged." in text
    assert "All is well" not in text
    assert "CREATE EXTENSION pg_stat_statements;" in text


def test_gap_carries_its_grant() -> None:
    assert "GRANT pg_monitor TO app_ro;" in render(rich_report(), "text", color=False, width=80)


def test_ten_thousand_of_everything_stays_readable() -> None:
    text = render(huge_report(2_000), "text", color=False, width=80)
    assert len(text.splitlines()) < 900
    assert "more" in text


def test_one_subject_alone() -> None:
    text = render(replace(rich_report(), subjects=("settings",), findings=()), "text", color=False, width=80)
    assert "SETTINGS" in text
    assert "HEALTH" not in text
    assert "RETENTION  " not in text


def test_header_tells_only_what_was_looked_at() -> None:
    text = render(replace(rich_report(), subjects=("settings",), findings=()), "text", color=False, width=80)
    assert "\nplanner " not in text
    new = render(replace(rich_report(), since=None, until=None), "text", color=False, width=80)
    assert "read-only" not in new.splitlines()[3]
    assert "unknown since when" not in new


def test_finding_outside_the_subjects_is_not_lost() -> None:
    text = render(replace(rich_report(), subjects=("settings",)), "text", color=False, width=80)
    assert "HEALTH" in text


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_findings_about_settings_stand_with_the_settings(format: str) -> None:
    advice = settings_advice()
    found = replace(rich_report().findings[0], subject="settings", title="Too much memory", rule="settings/memory")
    report = replace(rich_report(), findings=(), settings=replace(advice, findings=(found,)))
    text = render(report, format, color=False, width=80)
    place = text.rindex("Too much memory")
    assert text.upper().rindex("SETTINGS", 0, place) > 0
    assert not re.search(r"(HEALTH|## Health|<h2>Health)", text[:place])


def test_hostile_name_is_pasted_as_the_same_name() -> None:
    name = RelationName(HOSTILE, HOSTILE)
    text = render(hostile_report(), "sql", color=False, width=80)
    assert str(name) not in text
    assert "\\001b[31mred\\0007\\202e" in text
