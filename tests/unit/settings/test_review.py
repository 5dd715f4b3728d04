"""A written configuration is judged against a host; what cannot be read is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.model.finding import Severity
from advisor.model.report import SettingsAdvice
from advisor.settings import SettingsOptions, review_conf
from advisor.settings.conf import read_conf
from tests.unit.settings.samples import GB, MB, SCHOOL, host

DOCUMENT = f"""\
# Scaling to 3500 users

We need more. These settings are enough:

```conf
# PostgreSQL
{SCHOOL}```

And for the pooler:

```ini
[pgbouncer]
pool_mode = transaction
max_client_conn = 1000
```
"""


def proposed(advice: SettingsAdvice) -> dict[str, str]:
    return {p.name: p.proposed for p in advice.proposals}


def rules(advice: SettingsAdvice) -> set[str]:
    return {f.rule for f in advice.findings}


@pytest.mark.parametrize("text", [SCHOOL, DOCUMENT], ids=["file", "document"])
def test_school_on_8_gb(text: str) -> None:
    advice = review_conf(text, SettingsOptions(ram_bytes=8 * GB, cores=2, storage="ssd"), 15)
    assert proposed(advice) == {"work_mem": "14MB", "autovacuum_work_mem": "336MB"}
    (worst,) = [f for f in advice.findings if f.rule == "settings/memory_overcommit"]
    assert worst.severity == "critical"
    # 2048 + 200 x (64 + 4) + 3 x 512 + 512 MB
    assert worst.evidence["worst_case_bytes"] == 17696 * MB == advice.worst_case_bytes_now
    assert "216 % of 8 GB RAM" in worst.detail and "2 times work_mem" in worst.detail
    assert "max_connections = 100 and a pooler, work_mem could be 32MB" in str(worst.remedy.note)
    assert advice.worst_case_bytes_proposed is not None
    assert advice.worst_case_bytes_proposed <= 0.9 * 8 * GB
    assert set(advice.sound) >= {"shared_buffers", "effective_cache_size", "maintenance_work_mem"}
    assert not {f for f in rules(advice) if "review" in f}


def test_school_on_4_gb() -> None:
    advice = review_conf(SCHOOL, host(4 * GB, 2), 15)
    assert proposed(advice) == {
        "max_connections": "100",
        "shared_buffers": "1GB",
        "effective_cache_size": "2624MB",
        "work_mem": "14MB",
        "maintenance_work_mem": "256MB",
        "autovacuum_work_mem": "168MB",
    }
    assert {
        "settings/memory_overcommit",
        "settings/shared_buffers_too_large",
        "settings/effective_cache_size_over_ram",
    } <= rules(advice)
    titles = " ".join(f.title for f in advice.findings)
    assert "432%" in titles and "shared_buffers is 50%" in titles and "150% of the RAM: the planner is misled" in titles


def test_school_on_neon() -> None:
    advice = review_conf(SCHOOL, SettingsOptions(provider="neon"), 17)
    refused = {f.object.removeprefix("setting:") for f in advice.findings if f.rule == "settings/not_settable_here"}
    assert refused == {"max_connections", "shared_buffers", "checkpoint_completion_target", "wal_buffers"}
    assert not advice.proposals  # the RAM is unknown
    assert advice.worst_case_bytes_now is None
    assert dict(advice.refused)["work_mem"] == "the RAM is unknown; give it with --ram 8GB"


def test_neon_with_known_ram_changes_the_database_only() -> None:
    advice = review_conf(SCHOOL, SettingsOptions(provider="neon", ram_bytes=8 * GB, cores=2), 17)
    assert set(proposed(advice)) <= {"work_mem", "effective_cache_size", "maintenance_work_mem"}
    assert advice.proposals
    for proposal in advice.proposals:
        assert proposal.apply_sql == (f"ALTER DATABASE your_database SET {proposal.name} = '{proposal.proposed}'",)
        assert not proposal.restart


def test_a_sound_file_stays() -> None:
    text = "shared_buffers = 2GB\nwork_mem = 16MB\nmax_connections = 100\nautovacuum_work_mem = 320MB\n"
    advice = review_conf(text, SettingsOptions(ram_bytes=8 * GB, cores=4), 16)
    assert not [p for p in advice.proposals if p.name in text]
    assert not advice.findings


def test_danger_is_seen() -> None:
    advice = review_conf("fsync = off\nfull_page_writes = no\nenable_seqscan = off\n", SettingsOptions(), 17)
    by_object = {f.object: f for f in advice.findings}
    assert by_object["setting:fsync"].severity == "critical"
    assert by_object["setting:full_page_writes"].severity == "critical"
    assert by_object["setting:enable_seqscan"].rule == "settings/planner_method_off"
    neon = review_conf("fsync = off\n", SettingsOptions(provider="neon"), 17)
    assert "settings/dangerous" not in rules(neon)


@pytest.mark.parametrize(
    ("line", "kind", "telling"),
    [
        ("shared_bufers = 1GB", "unknown_setting", "did you mean shared_buffers?"),
        ("checkpoint_segments = 32", "unknown_setting", "replaced by max_wal_size since 9.5."),
        ("io_method = worker", "unknown_setting", "exists from version 18 on."),
        ("vacuum_defer_cleanup_age = 0", "unknown_setting", "removed after version 15."),
        ("blub = 1", "unknown_setting", "would not start with it."),
        ("work_mem = 64mb", "wrong_value", "did you mean 64MB"),
        ("work_mem = 64", "wrong_value", "has no unit and means 64kB."),
        ("work_mem = 5min", "wrong_value", "units are B, kB, MB, GB, TB."),
        ("jit = perhaps", "wrong_value", "neither on nor off."),
        ("max_connections = 0", "wrong_value", "outside the legal range"),
        ("server_version = '15'", "wrong_value", "cannot be set"),
        ("work_mem = 8MB\nwork_mem = 9MB", "duplicate", "set in line 1 already (8MB); the last one counts."),
        ("include 'more.conf'", "include", "is not followed"),
        ("include_dir = 'conf.d'", "include", "is not followed"),
        ("work_mem = 8MB\nthis is not a setting", "syntax", "not of the form name = value"),
    ],
)
def test_problems(line: str, kind: str, telling: str) -> None:
    advice = review_conf(line + "\n", SettingsOptions(ram_bytes=8 * GB), 16)
    (found,) = [f for f in advice.findings if f.rule == f"settings/review_{kind}"]
    assert telling in found.detail
    assert "\n" not in found.detail and found.detail.startswith("Line ")
    assert found.evidence["line"] == line.count("\n") + 1


def test_spellings_postgresql_accepts() -> None:
    text = (
        "\ufeffwork_mem '8 MB'   # a comment\n"
        "WORK_MEM=16MB\n"
        "log_line_prefix = '%m ''%u'' # not a comment'\n"
        "pg_stat_statements.max = 10000\n"
        "timezone = 'UTC'\n"
        "# shared_buffers = 1TB\n"
        "\n"
    )
    conf = read_conf(text, 17)
    assert [p.kind for p in conf.problems] == ["duplicate"]
    assert conf.present["work_mem"].text == "16384"
    assert conf.present["log_line_prefix"].text == "%m '%u' # not a comment"
    assert conf.present["TimeZone"].text == "UTC"
    assert "shared_buffers" not in conf.present


@pytest.mark.parametrize(
    "text",
    [
        "Set these:\n\n- work_mem: 64MB\n- shared_buffers = 2GB (25 %)\n- `jit`: off\n\nand restart the server.\n",
        "| setting | value |\n|---|---|\n| work_mem | 64MB |\n| shared_buffers | 2GB |\n| `jit` | off |\n",
        "ALTER SYSTEM SET work_mem = '64MB';\nALTER SYSTEM SET shared_buffers TO '2GB';\nalter system set jit = off;\n",
        "We run\n```sql\nALTER SYSTEM SET work_mem = '64MB';\nalter system set shared_buffers = '2GB';\n"
        "ALTER SYSTEM SET jit TO off;\nSELECT pg_reload_conf();\n```\n",
    ],
    ids=["list", "table", "sql", "sql in a document"],
)
def test_quoted_in_other_forms(text: str) -> None:
    conf = read_conf(text, 16)
    assert {n: p.shown for n, p in conf.present.items()} == {"work_mem": "64MB", "shared_buffers": "2GB", "jit": "off"}


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "postgresql.conf"
    path.write_text(SCHOOL)
    advice = review_conf(path, SettingsOptions(ram_bytes=8 * GB), 15)
    assert advice.proposals[0].current_source == "postgresql.conf line 4"
    assert review_conf(str(path), SettingsOptions(ram_bytes=8 * GB), 15) == advice
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        review_conf(tmp_path / "none.conf", SettingsOptions(), 15)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a text file"):
        review_conf(path, SettingsOptions(), 15)
    path.write_text("# nothing\n\n")
    with pytest.raises(UsageError, match="sets nothing"):
        review_conf(path, SettingsOptions(), 15)


def test_every_problem_is_a_sentence_with_its_line() -> None:
    text = "\n".join(
        (
            "max_connections = 100",
            "include 'other.conf'",
            "work_mem = 32 MB",
            "work_mem = 5MB",
            "work_mem = 6MB",
            "checkpoint_timeout = 10MB",
            "random_page_cost = -1",
            f"seq_page_cost = {'9' * 400}",
            "nonsense = 1",
        )
    )
    notes = review_conf(text, SettingsOptions(ram_bytes=8 * GB), 17).notes
    lines = [note for note in notes if note.startswith("the block, line")]
    assert lines == [
        "the block, line 2: include other.conf is not followed; review that file too.",
        "the block, line 3: 'work_mem = 32 MB' is not of the form name = value (a value with a space needs quotes: "
        "'32 MB'); PostgreSQL would not start.",
        "the block, line 5: work_mem was set in line 4 already (5MB); the last one counts.",
        "the block, line 6: checkpoint_timeout: '10MB' is not a time; PostgreSQL's units are us, ms, s, min, h, d.",
        "the block, line 7: random_page_cost: -1 is outside the legal range, from 0 up.",
        f"the block, line 8: seq_page_cost: {'9' * 40} is outside the legal range, from 0 up.",
        "the block, line 9: PostgreSQL 17 has no setting nonsense: PostgreSQL would not start with it.",
    ]


def test_changes_are_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "school.conf"
    file.write_text(SCHOOL + "\nfsync = off\n")
    advice = review_conf(file, SettingsOptions(ram_bytes=8 * GB, cores=2), 17)
    lines = [line for p in advice.proposals for line in (*p.apply_sql, *p.undo_sql)]
    assert all(line.startswith("-- ") for line in lines)
    (work_mem,) = [p for p in advice.proposals if p.name == "work_mem"]
    assert work_mem.apply_sql[0].startswith("-- school.conf line ") and work_mem.apply_sql[0].endswith(
        "work_mem = 14MB"
    )
    assert work_mem.undo_sql[0].endswith("work_mem = 64MB")
    (vacuum,) = [p for p in advice.proposals if p.name == "autovacuum_work_mem"]
    assert vacuum.apply_sql[0].startswith("-- add to school.conf: autovacuum_work_mem = ")
    (fsync,) = [f for f in advice.findings if f.rule == "settings/dangerous"]
    assert fsync.remedy.sql[0].endswith("fsync = on")


def test_without_a_host_the_size_it_needs_is_said() -> None:
    advice = review_conf(SCHOOL, SettingsOptions(), 17)
    (finding,) = [f for f in advice.findings if f.rule == "settings/review_unknown_host"]
    assert "needs a host with 19.2 GB of RAM" in finding.title and not advice.proposals
    assert "judged for postgresql 17 on a self-hosted server (" in advice.notes[0].lower()


def test_neon_keeps_its_own_cache() -> None:
    advice = review_conf(SCHOOL, SettingsOptions(provider="neon", ram_bytes=8 * GB, cores=2), 17)
    assert "effective_cache_size" in advice.sound
    (over,) = [f for f in advice.findings if f.rule == "settings/memory_overcommit"]
    assert over.severity is Severity.HIGH and "839 connections are what the provider allows" in over.detail
    assert any("A role that keeps to 100 of them" in note for note in advice.notes)
    assert len([f for f in advice.findings if f.rule == "settings/not_settable_here"]) == 4
