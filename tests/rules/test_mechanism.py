"""Rule folders: loading, errors a person can act on, parameters, needs, wording, quoting."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from advisor.analyse import judge
from advisor.errors import UsageError
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Gap
from advisor.rulebook import Rule, RuleInvalid, find_rule, load_rules
from advisor.ruletext import render_line, render_prose, render_sql
from tests.rules.cases import fill_snapshot

TOML = """
title = "Odd tables"
severity = "low"
confidence = "high"
[needs]
parts = ["tables"]
[params.min_size]
default = "10MB"
unit = "size"
about = "Smaller ones are fine."
[finding]
title = "{{ object }} is odd"
detail = "It has {{ rows | count }} rows."
[remedy]
sql = ["alter table {{ object | sql }} rename to {{ new | ident }}"]
undo = ["alter table {{ new | ident }} rename to {{ object | sql }}"]
lock = "ACCESS EXCLUSIVE for a moment"
"""
CHECK = """
from advisor.model.offence import Offence

def check(snapshot, params):
    for table in snapshot.tables:
        if (table.size_bytes or 0) >= params["min_size"]:
            yield Offence(
                object=str(table.relation),
                evidence={"rows": table.reltuples},
                values={"new": 'a"b'},
                weight=table.size_bytes,
            )
"""
TWO_TABLES = {
    "tables": [
        {"schema": "public", "name": "orders", "size_bytes": 20 << 20, "reltuples": 1000},
        {"schema": "app", "name": "Lines", "size_bytes": 30 << 20, "reltuples": 5},
        {"schema": "app", "name": "small", "size_bytes": 1, "reltuples": 5},
    ]
}


def make_rule(root: Path, toml: str = TOML, check: str | None = CHECK, query: str | None = None) -> Path:
    folder = root / "tables" / "odd_table"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rule.toml").write_text(toml, encoding="utf-8")
    if check is not None:
        (folder / "check.py").write_text(check, encoding="utf-8")
    if query is not None:
        (folder / "query.sql").write_text(query, encoding="utf-8")
    return folder


def only_rule(root: Path) -> Rule:
    (rule,) = load_rules(root)
    return rule


def test_a_folder_is_a_rule(tmp_path: Path) -> None:
    make_rule(tmp_path)
    (tmp_path / "tables" / "__pycache__").mkdir()
    rule = only_rule(tmp_path)
    assert (rule.id, rule.title, rule.severity) == ("tables/odd_table", "Odd tables", Severity.LOW)
    snapshot = fill_snapshot(TWO_TABLES)
    judgement = judge(snapshot, Catalog(snapshot), [rule])
    assert [finding.object for finding in judgement.findings] == ['app."Lines"', "public.orders"]  # heavier first
    first = judgement.findings[0]
    assert first.key == 'tables/odd_table:app."Lines"'
    assert first.title == 'app."Lines" is odd'
    assert first.detail == "It has 5 rows."
    assert first.remedy.sql == ('alter table app."Lines" rename to "a""b"',)
    assert first.remedy.undo_sql == ('alter table "a""b" rename to app."Lines"',)
    assert judgement.passed == () and judgement.skipped == ()


def test_a_query_alone_is_a_rule_too(tmp_path: Path) -> None:
    make_rule(tmp_path, check=None, query="-- one row: a thing\nselect 'x' as object order by 1")
    rule = only_rule(tmp_path)
    snapshot = fill_snapshot({"facts": {rule.id: [{"object": "public.x", "rows": 7, "new": "y"}]}})
    (finding,) = judge(snapshot, Catalog(snapshot), [rule]).findings
    assert (finding.object, finding.detail, finding.evidence["rows"]) == ("public.x", "It has 7 rows.", 7)


def test_the_query_of_the_nearest_lower_major_is_taken(tmp_path: Path) -> None:
    folder = make_rule(tmp_path, check=None, query="old")
    (folder / "query.15.sql").write_text("from 15")
    (folder / "query.17.sql").write_text("from 17")
    rule = only_rule(tmp_path)
    assert [rule.query(major) for major in (13, 14, 15, 16, 17, 18)] == [
        "old", "old", "from 15", "from 15", "from 17", "from 17",
    ]  # fmt: skip


def test_parameters_are_overridden_in_the_units_people_write(tmp_path: Path) -> None:
    make_rule(tmp_path)
    rule = only_rule(tmp_path)
    snapshot = fill_snapshot(TWO_TABLES)

    def found(values: dict[str, object]) -> list[str]:
        return [f.object for f in judge(snapshot, Catalog(snapshot), [rule], {rule.id: values}).findings]

    assert found({"min_size": "25MB"}) == ['app."Lines"']
    assert len(found({"min_size": "1B"})) == 3
    with pytest.raises(UsageError, match=r"no parameter 'min_rows'.*min_size"):
        found({"min_rows": 3})
    with pytest.raises(UsageError, match=r"'min_size' of rule tables/odd_table.*not a size"):
        found({"min_size": "big"})
    with pytest.raises(UsageError, match="no severity"):
        found({"severity": "terrible"})
    judgement = judge(snapshot, Catalog(snapshot), [rule], {"odd_table": {"severity": "high"}})
    assert {finding.severity for finding in judgement.findings} == {Severity.HIGH}
    judgement = judge(snapshot, Catalog(snapshot), [rule], {rule.id: {"enabled": False}})
    assert judgement.findings == () and "switched off" in judgement.skipped[0].why


def test_an_unknown_rule_in_the_configuration_is_said(tmp_path: Path) -> None:
    make_rule(tmp_path)
    with pytest.raises(UsageError, match=r"no rule 'tables/odd_tables'.*Did you mean tables/odd_table"):
        judge(fill_snapshot({}), Catalog(fill_snapshot({})), load_rules(tmp_path), {"tables/odd_tables": {}})


def test_aliases_find_a_renamed_rule() -> None:
    rules = load_rules()
    assert find_rule(rules, "vacuum/vacuum_overdue").id == "tables/dead_rows"
    assert find_rule(rules, "invalid_index").id == "indexes/invalid_index"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toml": "title = "}, "rule.toml is not a valid rule"),
        ({"toml": TOML.replace('severity = "low"', 'severity = "awful"')}, "awful"),
        ({"toml": TOML.replace('confidence = "high"', "")}, "confidence"),
        ({"toml": TOML + "\n[extra]\n"}, "extra"),
        ({"toml": TOML.replace('"tables"', '"tabels"')}, "tabels"),
        ({"toml": TOML.replace('unit = "size"', 'unit = "miles"')}, "miles"),
        ({"toml": TOML.replace('"10MB"', '"ten"')}, "parameter 'min_size'"),
        ({"check": None}, "neither query.sql nor check.py"),
    ],
)
def test_a_broken_folder_gives_one_clear_error(tmp_path: Path, change: dict[str, str], message: str) -> None:
    make_rule(tmp_path, **change)
    with pytest.raises(RuleInvalid) as caught:
        load_rules(tmp_path)
    assert message in str(caught.value)
    assert "odd_table" in str(caught.value)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("def check(snapshot:", "cannot be loaded"),
        ("import nothing_of_that_name", "cannot be loaded"),
        ("x = 1", "no function `check`"),
        ("def check(connection): ...", "asks for connection"),
    ],
)
def test_a_broken_check_gives_one_clear_error(tmp_path: Path, check: str, message: str) -> None:
    make_rule(tmp_path, check=check)
    snapshot = fill_snapshot(TWO_TABLES)
    with pytest.raises(RuleInvalid, match=message):
        judge(snapshot, Catalog(snapshot), load_rules(tmp_path))


def test_a_failing_check_costs_only_its_own_rule(tmp_path: Path) -> None:
    make_rule(tmp_path, check="def check(snapshot):\n    yield 1 / 0\n")
    good = next(rule for rule in load_rules() if rule.id == "tables/unlogged_table")
    snapshot = fill_snapshot({"tables": [{"schema": "public", "name": "t", "kind": "r", "persistence": "u"}]})
    judgement = judge(snapshot, Catalog(snapshot), [*load_rules(tmp_path), good])
    assert [finding.object for finding in judgement.findings] == ["public.t"]
    assert "a bug in it: ZeroDivisionError" in judgement.skipped[0].why


def test_a_failing_template_costs_only_its_own_rule(tmp_path: Path) -> None:
    make_rule(tmp_path, toml=TOML.replace("{{ rows | count }}", "{{ rowss }}"))
    snapshot = fill_snapshot(TWO_TABLES)
    judgement = judge(snapshot, Catalog(snapshot), load_rules(tmp_path))
    assert judgement.findings == () and "rowss" in judgement.skipped[0].why


def test_a_check_may_word_its_findings_itself(tmp_path: Path) -> None:
    make_rule(
        tmp_path,
        check="""
from advisor.model.finding import Confidence, Finding, Severity

def check(rows, snapshot, params, catalog):
    yield Finding(rule="", severity=Severity.HIGH, confidence=Confidence.LOW, title="T", object="o", detail="D")
""",
    )
    snapshot = fill_snapshot(TWO_TABLES)
    (finding,) = judge(snapshot, Catalog(snapshot), load_rules(tmp_path)).findings
    assert (finding.rule, finding.title, finding.severity) == ("tables/odd_table", "T", Severity.HIGH)


@pytest.mark.parametrize(
    ("needs", "server", "why"),
    [
        ("min_major = 16", {}, "needs PostgreSQL 16"),
        ("max_major = 14", {}, "does not apply from PostgreSQL 15"),
        ("primary = true", {"in_recovery": True}, "standby"),
        ('privileges = ["pg_read_all_stats"]', {"is_superuser": False, "user": "me"}, "grant pg_read_all_stats to me"),
        ('extensions = ["pg_stat_statements>=1.9"]', {}, "pg_stat_statements is not installed"),
        ('parts = ["database_counters"]', {}, "database counters were not read"),
        ('parts = ["statements"]', {}, "pg_stat_statements was not read"),
    ],
)
def test_a_rule_without_its_needs_is_skipped(tmp_path: Path, needs: str, server: dict[str, object], why: str) -> None:
    make_rule(tmp_path, toml=TOML.replace('parts = ["tables"]', needs))
    snapshot = fill_snapshot({**TWO_TABLES, "server": server})
    judgement = judge(snapshot, Catalog(snapshot), load_rules(tmp_path))
    assert judgement.findings == () and judgement.passed == ()
    assert why in judgement.skipped[0].why


def test_membership_in_pg_monitor_includes_its_parts(tmp_path: Path) -> None:
    make_rule(tmp_path, toml=TOML.replace('parts = ["tables"]', 'privileges = ["pg_read_all_stats"]'))
    snapshot = fill_snapshot({**TWO_TABLES, "server": {"is_superuser": False, "memberships": ["pg_monitor"]}})
    assert judge(snapshot, Catalog(snapshot), load_rules(tmp_path)).skipped == ()


def test_what_could_be_read_only_in_part_is_not_passed() -> None:
    rule = next(rule for rule in load_rules() if rule.id == "connections/idle_in_transaction")
    snapshot = fill_snapshot({"sessions": [{"pid": 1, "backend_type": "client backend", "state": "active"}]})
    assert judge(snapshot, Catalog(snapshot), [rule]).passed == (rule.id,)
    gap = Gap(what="7 sessions of other roles in pg_stat_activity", why="the role sees its own sessions only")
    snapshot = replace(snapshot, gaps=(gap,))
    judgement = judge(snapshot, Catalog(snapshot), [rule])
    assert judgement.passed == ()
    assert "only in part" in judgement.skipped[0].why


def test_a_refused_query_is_named_with_the_servers_words() -> None:
    rule = next(rule for rule in load_rules() if rule.id == "server/invalid_configuration")
    snapshot = fill_snapshot({})
    snapshot = replace(snapshot, gaps=(Gap(what=f"rule {rule.id}", why="permission denied for view"),))
    judgement = judge(snapshot, Catalog(snapshot), [rule])
    assert judgement.skipped[0].why == "permission denied for view"


def test_many_findings_end_in_one_that_counts_the_rest(tmp_path: Path) -> None:
    make_rule(tmp_path)
    tables = [{"schema": "s", "name": f"t{n}", "size_bytes": (100 + n) << 20} for n in range(10_000)]
    snapshot = fill_snapshot({"tables": tables})
    findings = judge(snapshot, Catalog(snapshot), load_rules(tmp_path)).findings
    assert len(findings) == 51
    assert findings[0].object == "s.t9999"
    assert findings[-1].title == "Odd tables: 9,950 more" and findings[-1].evidence["more"] == 9950


def test_sql_prints_nothing_unquoted() -> None:
    values = {
        "name": 'x"; drop table y; --',
        "table": RelationName("S", "t"),
        "number": 7,
        "flag": True,
        "missing": None,
    }
    assert render_sql(["alter table {{ table }} drop {{ name | ident }}"], values) == (
        'alter table "S".t drop "x""; drop table y; --"',
    )
    assert render_sql(["select {{ name | literal }}, {{ number }}"], values) == ("select 'x\"; drop table y; --', 7",)
    for template in ("drop table {{ name }}", "{{ name ~ 'x' }}", "{{ flag }}", "{{ missing }}", "{{ nothing }}"):
        with pytest.raises(jinja2.TemplateError):
            render_sql([template], values)


def test_one_template_may_print_several_statements_or_none() -> None:
    templates = [
        "{% for n in names %}drop table {{ n | ident }}{{ next_statement }}{% endfor %}",
        "{% if x %}no{% endif %}",
    ]
    assert render_sql(templates, {"names": ["a;\nb", "c"], "x": False}) == ('drop table "a;\nb"', "drop table c")


def test_prose_is_one_line_per_paragraph() -> None:
    assert render_prose("a\n b\n\n\n  c  ", {}) == "a b\n\nc"
    # Blocks neither glue words together nor end a paragraph.
    text = "a\n{% if x %}\nb.\n{% endif %}\nc{% if x %}, d{% endif %}\n{% if not x %}\nno\n{% endif %}\ne"
    assert render_prose(text, {"x": True}) == "a b. c, d e"
    assert (
        render_line("{{ 1536 | size }} of\n {{ 0.256 | percent }}, {{ 1 | plural('row') }}", {})
        == "1.5 kB of 26 %, 1 row"
    )
    assert render_line("{{ names | listing(2) }}", {"names": list("abcdef")}) == "a, b and 4 more"


def test_loading_is_fast_because_it_compiles_nothing() -> None:
    """Loading reads metadata only: no template, no check.py, no driver, no parser."""
    program = (
        "import sys; from advisor.rulebook import load_rules; rules = load_rules();"
        "loaded = [m for m in sys.modules if m.startswith('advisor_rule_')];"
        "assert not loaded, loaded; assert 'psycopg' not in sys.modules and 'pglast' not in sys.modules;"
        "print(len(rules))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(output) == len(load_rules())


def test_what_was_found_before_a_failure_stays(tmp_path: Path) -> None:
    make_rule(tmp_path, check=CHECK + "    raise KeyError('odd')\n")
    snapshot = fill_snapshot(TWO_TABLES)
    judgement = judge(snapshot, Catalog(snapshot), load_rules(tmp_path))
    assert len(judgement.findings) == 2
    assert "KeyError" in judgement.skipped[0].why and judgement.passed == ()


def test_alter_system_is_not_proposed_where_the_provider_refuses_it() -> None:
    rule = find_rule(load_rules(), "vacuum/autovacuum_off")
    for provider, statements in (("self-hosted", 2), ("rds", 0)):
        snapshot = fill_snapshot(
            {"server": {"provider": provider}, "settings": [{"name": "autovacuum", "setting": "off"}]}
        )
        (finding,) = judge(snapshot, Catalog(snapshot), [rule]).findings
        assert len(finding.remedy.sql) == len(finding.remedy.undo_sql) == statements
        assert ("refused on rds" in (finding.remedy.note or "")) == (provider == "rds")
