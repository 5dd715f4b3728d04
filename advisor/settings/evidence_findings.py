"""What the server has been seen to do, where a setting is the cause or the cure."""

from __future__ import annotations

from advisor.model.catalog import Table
from advisor.model.finding import Confidence, Finding, Remedy, Severity
from advisor.model.names import quote_ident
from advisor.model.snapshot import Snapshot
from advisor.settings.configuration import Configuration
from advisor.settings.evidence import Evidence
from advisor.settings.memory import GB, MB
from advisor.settings.setting_finding import setting_finding
from advisor.settings.sizing import is_wide_spill
from advisor.settings.storage import is_forced
from advisor.settings.values import round_down
from advisor.units import format_duration, format_size

_MANY_ROWS = 1_000_000
_TABLES_NAMED = 20


def evidence_findings(now: Configuration, evidence: Evidence, snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return findings from counters; the window is named, and a young one lowers the confidence."""
    sure = Confidence.LOW if evidence.is_young else Confidence.HIGH
    window = f" Seen in {format_duration(evidence.window_seconds)}." if evidence.window_seconds is not None else ""
    found = [
        *_temp(now, evidence, snapshot, sure, window),
        *_checkpoints(now, evidence, sure, window),
        *_writes(evidence, sure, window),
        *_vacuum(now, snapshot),
    ]
    return tuple(found)


def _temp(now: Configuration, evidence: Evidence, snapshot: Snapshot, sure: Confidence, window: str) -> list[Finding]:
    per_day = evidence.temp_bytes_per_day or 0
    if per_day <= 50 * GB:
        return []
    seen: dict[str, object] = {"temp_bytes_per_day": int(per_day), "temp_files": evidence.temp_files}
    text = f"Sorts and hashes that do not fit into work_mem ({now['work_mem'].shown}) go to the disk.{window}"
    title = f"{format_size(per_day)} of temporary files a day"
    if is_wide_spill(evidence) or not evidence.temp_statements:
        return [
            setting_finding(
                "settings/temp_spill",
                Severity.MEDIUM,
                "work_mem",
                title,
                f"{text} Many statements do it; see the value proposed for work_mem, or find the index that spares "
                "the sort.",
                seen,
                Remedy(),
                sure,
            )
        ]
    worst = evidence.temp_statements[0]
    share = sum(s.share for s in evidence.temp_statements[:2])
    need = max(1, round_down(1.2 * worst.bytes_per_call / MB, 4))
    roles = sorted({s.role for s in evidence.temp_statements[:2] if s.role})
    return [
        setting_finding(
            "settings/temp_spill",
            Severity.MEDIUM,
            "work_mem",
            title,
            f"{text} Two statements at most cause {share:.0%} of it, so more work_mem for everybody would be the wrong "
            f"answer: give it to them alone. The largest: {worst.query[:120]}",
            seen | {"statements": [s.query[:200] for s in evidence.temp_statements[:2]]},
            Remedy(
                sql=tuple(f"ALTER ROLE {quote_ident(role)} SET work_mem = '{need}MB'" for role in roles),
                undo_sql=tuple(f"ALTER ROLE {quote_ident(role)} RESET work_mem" for role in roles),
                note=f"Better still, in the transaction that runs it: SET LOCAL work_mem = '{need}MB'.",
            ),
            sure,
        )
    ]


def _checkpoints(now: Configuration, evidence: Evidence, sure: Confidence, window: str) -> list[Finding]:
    found = []
    if is_forced(evidence):
        found.append(
            setting_finding(
                "settings/forced_checkpoints",
                Severity.MEDIUM,
                "max_wal_size",
                f"{evidence.forced_share or 0:.0%} of the checkpoints are forced by WAL volume",
                f"{evidence.checkpoints} checkpoints, every {format_duration(evidence.checkpoint_interval or 0)} on "
                "average. "
                "Each makes the next change of every page write the whole page: more WAL, and the next forced "
                "checkpoint "
                f"sooner. max_wal_size is {now['max_wal_size'].shown}.{window}",
                {"forced_share": round(evidence.forced_share or 0, 3), "checkpoints": evidence.checkpoints},
                Remedy(note="See the value proposed for max_wal_size; it takes disk space, not memory."),
                sure,
            )
        )
    sync = evidence.checkpoint_sync
    if sync is not None and sync > 0.04 and (evidence.checkpoints or 0) >= 10:
        found.append(
            setting_finding(
                "settings/slow_sync",
                Severity.LOW,
                "checkpoint",
                f"Checkpoints wait {format_duration(sync)} on average for the storage to sync",
                "That is the storage, not a setting: no value of checkpoint_timeout or max_wal_size makes a disk "
                "faster. "
                f"Look at the volume's write limits.{window}",
                {"sync_seconds": round(sync, 3), "checkpoints": evidence.checkpoints},
                Remedy(),
                sure,
            )
        )
    return found


def _writes(evidence: Evidence, sure: Confidence, window: str) -> list[Finding]:
    share = evidence.backend_write_share
    if share is None or share <= 0.3 or (evidence.backend_writes or 0) <= 100_000:
        return []
    return [
        setting_finding(
            "settings/backend_writes",
            Severity.LOW,
            "bgwriter_lru_maxpages",
            f"Sessions write {share:.0%} of the pages themselves",
            "A session that finds no clean buffer has to write one out before it can read: its client waits. Bulk "
            "loads "
            f"and new pages count here too.{window}",
            {"backend_write_share": round(share, 3), "pages": evidence.backend_writes},
            Remedy(),
            sure if sure is Confidence.LOW else Confidence.MEDIUM,
        )
    ]


def _vacuum(now: Configuration, snapshot: Snapshot) -> list[Finding]:
    """Large tables in which a tenth of the rows is dead while autovacuum, by its settings, has no reason to start."""
    if "autovacuum_vacuum_scale_factor" not in now or not now.is_on("autovacuum"):
        return []
    scale = now.number("autovacuum_vacuum_scale_factor")
    late = [table for table in snapshot.tables if _is_late(table, scale)]
    if not late:
        return []
    late.sort(key=lambda t: -(t.counters.n_dead_tup if t.counters else 0))
    named = late[:_TABLES_NAMED]
    return [
        setting_finding(
            "settings/vacuum_scale_factor",
            Severity.LOW,
            "autovacuum_vacuum_scale_factor",
            f"{len(late)} large table{'s wait' if len(late) > 1 else ' waits'} long for a vacuum: {named[0].relation}"
            + (" and others" if len(late) > 1 else ""),
            f"More than a tenth of the rows is dead, and autovacuum starts at {scale:.0%}. For tables of millions of "
            "rows a "
            "smaller share keeps each vacuum short and the table small.",
            {"tables": [str(t.relation) for t in named], "count": len(late)},
            Remedy(
                sql=tuple(f"ALTER TABLE {t.relation} SET (autovacuum_vacuum_scale_factor = 0.02)" for t in named),
                undo_sql=tuple(f"ALTER TABLE {t.relation} RESET (autovacuum_vacuum_scale_factor)" for t in named),
                lock="SHARE UPDATE EXCLUSIVE, for an instant",
            ),
        )
    ]


def _is_late(table: Table, scale: float) -> bool:
    counters = table.counters
    if counters is None or table.kind not in ("r", "m") or counters.n_live_tup < _MANY_ROWS:
        return False
    if any(option.startswith("autovacuum_") for option in table.reloptions):
        return False
    share = counters.n_dead_tup / counters.n_live_tup
    return 0.1 < share <= scale
