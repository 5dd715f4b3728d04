"""Counters turn into advice with their numbers; young ones lower the confidence; a difference beats a total."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from advisor.errors import UsageError
from advisor.model.catalog import Table, TableCounters
from advisor.model.finding import Confidence, Finding, Severity
from advisor.model.report import SettingsAdvice
from advisor.model.snapshot import Snapshot
from advisor.settings import SettingsOptions, advise_settings
from advisor.settings.evidence import read_evidence
from tests.unit.settings.samples import (
    GB,
    MB,
    NOW,
    cluster_counters,
    database_counters,
    host,
    session,
    snapshot,
    statement,
    zeros,
)

OPTIONS = SettingsOptions()


def findings(advice: SettingsAdvice) -> dict[str, Finding]:
    return {f.rule: f for f in advice.findings}


def proposal(advice: SettingsAdvice, name: str):  # type: ignore[no-untyped-def]
    return next((p for p in advice.proposals if p.name == name), None)


def test_a_cache_that_misses_and_waits_raises_shared_buffers() -> None:
    slow = [statement(total_exec_time=1000.0, shared_blk_read_time=400.0)]
    missing = database_counters(blks_hit=900, blks_read=100)
    small = {"shared_buffers": "1700MB"}  # 83 % of a quarter: left alone without evidence
    seen = advise_settings(snapshot(15, small, host=host(), database_counters=missing, statements=tuple(slow)), OPTIONS)
    change = proposal(seen, "shared_buffers")
    assert change.proposed == "2GB" and change.severity == "high"
    assert "40% of the execution time" in change.reason and "10.0% of the page requests" in change.reason
    # A hit ratio alone says nothing.
    alone = advise_settings(snapshot(15, small, host=host(), database_counters=missing), OPTIONS)
    assert proposal(alone, "shared_buffers") is None


def spill(days: float, sizes: list[float]) -> dict[str, object]:
    blocks = [int(size / 8192) for size in sizes]
    return {
        "database_counters": database_counters(days, temp_bytes=int(sum(sizes)), temp_files=len(sizes)),
        "statements": tuple(
            statement(f"select {i} from big order by 1", temp_blks_written=b, calls=1000, role=f"role {i}")
            for i, b in enumerate(blocks)
        ),
    }


def test_many_spilling_statements_raise_work_mem() -> None:
    # Twenty statements write 20 GB each a day, 20 MB per call.
    advice = advise_settings(
        snapshot(15, {"work_mem": "12MB"}, host=host(32 * GB, 8), **spill(1, [20.0 * GB] * 20)),
        SettingsOptions(profile="web"),
    )
    change = proposal(advice, "work_mem")
    assert change.evidence["temp_p95_per_call"] > 20 * MB
    assert "spill" in change.reason
    assert advice.worst_case_bytes_proposed <= 0.9 * 32 * GB
    assert "Many statements" in findings(advice)["settings/temp_spill"].detail


def test_one_spilling_statement_gets_memory_alone() -> None:
    advice = advise_settings(
        snapshot(15, {"work_mem": "32MB"}, host=host(32 * GB, 8), **spill(1, [300.0 * GB, 1.0 * GB, 1.0 * GB])), OPTIONS
    )
    assert proposal(advice, "work_mem") is None
    found = findings(advice)["settings/temp_spill"]
    assert 'ALTER ROLE "role 0" SET work_mem = ' in found.remedy.sql[0]
    assert found.remedy.undo_sql[0] == 'ALTER ROLE "role 0" RESET work_mem'
    assert "SET LOCAL work_mem" in str(found.remedy.note)


def test_little_spill_is_no_finding() -> None:
    advice = advise_settings(snapshot(15, host=host(), **spill(10, [5.0 * GB] * 5)), OPTIONS)
    assert "settings/temp_spill" not in findings(advice)


def test_forced_checkpoints_raise_max_wal_size() -> None:
    counters = cluster_counters(10, checkpoints_timed=200, checkpoints_req=800, checkpoint_sync_time=100_000.0)
    advice = advise_settings(
        snapshot(15, {"max_wal_size": "6GB"}, host=host(), cluster_counters=counters), SettingsOptions(profile="web")
    )
    change = proposal(advice, "max_wal_size")
    assert change.proposed == "12GB" and change.severity == "high"
    assert "80% of 1000 checkpoints were forced" in change.reason
    found = findings(advice)["settings/forced_checkpoints"]
    assert found.evidence == {"forced_share": 0.8, "checkpoints": 1000}
    assert "settings/slow_sync" in findings(advice)  # 0.1 s per checkpoint
    few = cluster_counters(1, checkpoints_timed=1, checkpoints_req=8)
    assert "settings/forced_checkpoints" not in findings(advise_settings(snapshot(15, cluster_counters=few), OPTIONS))


def test_the_wal_rate_sizes_max_wal_size() -> None:
    rate = 20 * MB  # per second
    advice = advise_settings(
        snapshot(
            15,
            host=host(),
            database_counters=database_counters(10),
            cluster_counters=cluster_counters(10, wal_bytes=rate * 864000, wal_records=1, wal_fpi=0),
        ),
        OPTIONS,
    )
    change = proposal(advice, "max_wal_size")
    # 1.9 x 20 MB/s x 900 s x 1.25 = 41.7 GB, rounded down
    assert change.proposed == "40GB"
    limited = advise_settings(
        snapshot(
            15,
            host=host(),
            database_counters=database_counters(10),
            cluster_counters=cluster_counters(10, wal_bytes=rate * 864000, wal_records=1, wal_fpi=0),
        ),
        SettingsOptions(wal_disk_free_bytes=20 * GB),
    )
    assert proposal(limited, "max_wal_size").proposed == "10GB"


def test_writes_buffers_and_full_pages() -> None:
    counters = cluster_counters(
        10,
        buffers_backend=900_000,
        buffers_clean=10_000,
        buffers_checkpoint=500_000,
        wal_bytes=100 * GB,
        wal_fpi=10_000_000,
        wal_buffers_full=100_000,
    )
    advice = advise_settings(snapshot(15, host=host(), cluster_counters=counters), OPTIONS)
    assert proposal(advice, "bgwriter_lru_maxpages").proposed == "400"
    assert "settings/backend_writes" in findings(advice)
    assert proposal(advice, "wal_compression").evidence == {"full_page_share": 0.763}
    assert proposal(advice, "wal_buffers").proposed == "64MB" and proposal(advice, "wal_buffers").restart


def test_connections() -> None:
    idle = tuple(session(i) for i in range(90))
    found = findings(advise_settings(snapshot(15, sessions=idle, host=host()), OPTIONS))
    near = found["settings/connections_near_limit"]
    assert near.title == "90 of 100 connections are taken, 100% of them idle"
    assert "pooler" in near.detail and near.confidence is Confidence.MEDIUM
    short = tuple(session(i, age=20, at=NOW + timedelta(seconds=s)) for s in range(3) for i in range(6))
    found = findings(advise_settings(snapshot(15, sessions=short, host=host()), OPTIONS))
    assert found["settings/short_sessions"].severity == "medium"
    many = findings(advise_settings(snapshot(15, {"max_connections": "500"}, host=host(64 * GB, 4)), OPTIONS))
    assert "settings/too_many_connections" in many


def test_active_sessions_seen_count_instead_of_cores() -> None:
    samples = tuple(session(i, "active", at=NOW + timedelta(seconds=second)) for second in range(20) for i in range(40))
    options = SettingsOptions(profile="web")
    seen = advise_settings(snapshot(15, {"work_mem": "1MB"}, sessions=samples, host=host(16 * GB, 2)), options)
    unseen = advise_settings(snapshot(15, {"work_mem": "1MB"}, host=host(16 * GB, 2)), options)
    assert "40 active sessions (95 % of 20 samples)" in proposal(seen, "work_mem").reason
    assert "8 active sessions (2 cores)" in proposal(unseen, "work_mem").reason


def test_busy_vacuum_workers_get_a_higher_limit_first() -> None:
    samples = tuple(
        session(i, "active", at=NOW + timedelta(seconds=second), backend_type=kind)
        for second in range(12)
        for i, kind in enumerate(["client backend", *["autovacuum worker"] * 3])
    )
    advice = advise_settings(snapshot(15, sessions=samples, host=host(64 * GB, 32)), OPTIONS)
    change = proposal(advice, "autovacuum_vacuum_cost_limit")
    assert (change.current, change.proposed) == ("-1", "400")
    assert proposal(advice, "autovacuum_max_workers") is None


def test_late_vacuum() -> None:
    def table(name: str, dead: int, options: tuple[str, ...] = ()) -> Table:
        counters = TableCounters(**(zeros(TableCounters) | {"n_live_tup": 10_000_000, "n_dead_tup": dead}))
        return Table(oid=1, schema="Odd", name=name, kind="r", owner="o", reloptions=options, counters=counters)

    tables = (table("late", 1_500_000), table("fine", 500_000), table("own", 1_500_000, ("autovacuum_enabled=off",)))
    found = findings(advise_settings(snapshot(15, tables=tables), OPTIONS))["settings/vacuum_scale_factor"]
    assert found.remedy.sql == ('ALTER TABLE "Odd".late SET (autovacuum_vacuum_scale_factor = 0.02)',)


def test_young_counters_are_believed_less() -> None:
    counters = cluster_counters(0.1, checkpoints_timed=2, checkpoints_req=18)
    advice = advise_settings(
        snapshot(15, host=host(), cluster_counters=counters, database_counters=database_counters(0.1)), OPTIONS
    )
    assert findings(advice)["settings/forced_checkpoints"].confidence is Confidence.LOW
    assert any("2.4 h old" in note for note in advice.notes)


def test_the_difference_of_two_snapshots() -> None:
    first = cluster_counters(100, checkpoints_timed=9000, checkpoints_req=10)
    later = replace(first, checkpoints_timed=9010, checkpoints_req=40)
    hour = timedelta(hours=1)
    before = snapshot(15, at=NOW - hour, cluster_counters=first, database_counters=database_counters(temp_bytes=7))
    after = snapshot(15, cluster_counters=later, database_counters=database_counters(temp_bytes=7 + 3 * GB))
    total = read_evidence(after, None, 3)
    difference = read_evidence(after, before, 3)
    assert round(total.forced_share or 0, 3) == 0.004
    assert difference.forced_share == 0.75 and difference.checkpoints == 40
    assert difference.window_seconds == 3600 and difference.temp_bytes_per_day == 72 * GB
    assert not difference.is_young
    # A reset in between: nothing can be subtracted.
    reset = replace(after, database_counters=database_counters(1, temp_bytes=5))
    assert not read_evidence(reset, before, 3).is_difference
    # Another server, or snapshots the wrong way round.
    assert not read_evidence(before, after, 3).is_difference
    stranger = replace(before, server=replace(before.server, system_identifier="8"))
    assert not read_evidence(after, stranger, 3).is_difference


def test_an_idle_server_says_nothing() -> None:
    shot = snapshot(15, cluster_counters=cluster_counters(), database_counters=database_counters(), host=host())
    rules = set(findings(advise_settings(shot, OPTIONS)))
    assert rules <= {"settings/no_idle_transaction_timeout", "settings/no_statement_timeout"}


def test_statistics_that_were_never_reset() -> None:
    """15 on: the database has no reset time; a restart yesterday must not turn a year's files into a day's."""
    never = replace(database_counters(temp_bytes=100 * GB), stats_reset=None)
    year = snapshot(15, database_counters=never, cluster_counters=cluster_counters(365))
    seen = read_evidence(year, None, 3)
    assert round(seen.temp_bytes_per_day or 0) == round(100 * GB / 365)
    unknown = read_evidence(snapshot(15, database_counters=never), None, 3)
    assert unknown.temp_bytes_per_day is None and unknown.window_seconds is None and not unknown.is_young


def test_the_wal_rate_on_13_comes_from_two_positions() -> None:
    first = cluster_counters(100, current_wal_lsn=5 * GB)
    before = snapshot(13, at=NOW - timedelta(hours=1), cluster_counters=first, database_counters=database_counters())
    later = replace(first, current_wal_lsn=5 * GB + 3600 * MB)
    after = snapshot(13, cluster_counters=later, database_counters=database_counters())
    assert read_evidence(after, before, 3).wal_bytes_per_second == 1 * MB
    assert read_evidence(after, None, 3).wal_bytes_per_second is None


def at(hours: float, position: int, **parts: object) -> Snapshot:
    """Return a snapshot so many hours ago with its place in the WAL."""
    moment = NOW - timedelta(hours=hours)
    return snapshot(15, at=moment, cluster_counters=cluster_counters(100, current_wal_lsn=position), **parts)


def test_a_series_of_snapshots_tells_the_peak_of_the_wal_rate() -> None:
    # Ten quiet hours at 1 MB/s and one at 20 MB/s: the average would hide it.
    hour = 3600 * MB
    positions = [hour * n for n in range(6)] + [25 * hour + hour * n for n in range(6)]
    series = [at(11 - n, position, host=host()) for n, position in enumerate(positions)]
    now, earlier = series[-1], tuple(reversed(series[:-1]))
    evidence = read_evidence(now, series[0], 3, earlier)
    assert evidence.wal_intervals == 11
    assert evidence.wal_p95_bytes_per_second == 20 * MB
    assert evidence.wal_bytes_per_second is not None and evidence.wal_bytes_per_second < 3 * MB
    change = proposal(advise_settings(now, SettingsOptions(previous=series[0], series=earlier)), "max_wal_size")
    assert change.proposed == "40GB"  # 1.9 x 20 MB/s x 900 s x 1.25
    assert "no more than 20 MB/s in 95 % of the time between 12 snapshots" in change.reason
    limited = SettingsOptions(previous=series[0], series=earlier, wal_disk_free_bytes=30 * GB)
    assert proposal(advise_settings(now, limited), "max_wal_size").proposed == "15GB"
    # Two intervals are no distribution, and a position that goes back is another server's.
    assert read_evidence(now, None, 3, series[-3:-1]).wal_p95_bytes_per_second is None
    back = [at(3, 9 * hour), at(2, 8 * hour), at(1, 7 * hour), at(0, 6 * hour)]
    assert read_evidence(back[-1], None, 3, back[:-1]).wal_p95_bytes_per_second is None


def test_samples_of_a_series_count_together() -> None:
    series = []
    for n in range(12):
        moment = NOW - timedelta(hours=n)
        sessions = tuple(session(pid, "active", at=moment) for pid in range(1 + n % 4))
        series.append(snapshot(15, at=moment, sessions=sessions))
    evidence = read_evidence(series[0], None, 3, series[1:])
    assert (evidence.samples, evidence.active_p95, evidence.peak_connections) == (12, 4, 4)
    assert read_evidence(series[0], None, 3).active_p95 is None


def test_a_series_of_another_server_is_refused() -> None:
    other = replace(at(1, 0), server=replace(at(1, 0).server, system_identifier="8"))
    with pytest.raises(UsageError, match="another server"):
        advise_settings(at(0, 0), SettingsOptions(series=(other,)))


def test_missing_time_limits_are_a_remark_until_something_lasts() -> None:
    idle, limit = "settings/no_idle_transaction_timeout", "settings/no_statement_timeout"
    healthy = findings(advise_settings(snapshot(15, host=host()), OPTIONS))
    assert healthy[idle].severity is healthy[limit].severity is Severity.INFO
    since = NOW - timedelta(minutes=20)
    lasting = snapshot(
        15,
        host=host(),
        sessions=(session(1, "idle in transaction", state_change=since),),
        statements=(statement("select 1", max_exec_time=900_000.0), statement("vacuum t", max_exec_time=9e9)),
    )
    found = findings(advise_settings(lasting, OPTIONS))
    assert found[idle].severity is Severity.MEDIUM and "for 20 min" in found[idle].detail
    assert found[limit].severity is Severity.LOW and "took 15 min" in found[limit].detail


def test_checkpoints_minutes_apart_are_named_where_the_timeout_is_raised() -> None:
    counters = cluster_counters(1, checkpoints_timed=288, checkpoints_req=0)
    change = proposal(advise_settings(snapshot(15, cluster_counters=counters), OPTIONS), "checkpoint_timeout")
    assert "every 5 min on average" in change.reason
    assert change.evidence == {"checkpoint_interval_seconds": 300}
