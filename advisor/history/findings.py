"""Findings and settings of two runs compared; mutes that ended or mute nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

from advisor.model.finding import Severity
from advisor.model.history import FindingChange, MuteNote, SavedFinding, SettingChange
from advisor.model.server import Setting
from advisor.model.snapshot import Snapshot
from advisor.units import format_size

# A finding that stays longer than this is overdue; low ones and mere information never are.
DUE = {"critical": timedelta(days=1), "high": timedelta(days=14), "medium": timedelta(days=60)}
# Of the same severity, a finding is worse from this ratio of its bytes on.
_MORE_BYTES = 1.5
# Their severity is a share of the workload, which moves a little every day: one step is no change.
_DROPS = ("unused", "redundant", "duplicate", "replaced", "outdated")
_BY_SHARE = ("index/create", *(f"index/drop_{kind}" for kind in _DROPS))
# Where a value comes from that somebody set for all sessions; ours and the client's say nothing of the server.
_LASTING = ("default", "configuration file", "command line", "environment variable", "database", "user", "global")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingDifference:
    """What became of the findings of the run before."""

    new: tuple[FindingChange, ...]
    worse: tuple[FindingChange, ...]
    better: tuple[FindingChange, ...]
    resolved: tuple[FindingChange, ...]


def rank(severity: str) -> int:
    """Return 0 for critical … 4 for info."""
    return Severity(severity).rank


def difference(before: Iterable[SavedFinding], now: Iterable[SavedFinding]) -> FindingDifference:
    """Compare the findings of two runs; what one of them did not judge is in neither list."""
    old = {finding.key: finding for finding in before}
    new = {finding.key: finding for finding in now}
    arrived: list[FindingChange] = []
    worse: list[FindingChange] = []
    better: list[FindingChange] = []
    resolved: list[FindingChange] = []
    for key, finding in new.items():
        known = old.get(key)
        if not finding.judged:
            continue
        if known is None:
            arrived.append(_change(finding))
        elif abs(rank(finding.severity) - rank(known.severity)) > (1 if finding.rule in _BY_SHARE else 0):
            change = _change(finding, before=known.severity)
            (worse if rank(finding.severity) < rank(known.severity) else better).append(change)
        elif known.size_bytes > 0 and finding.subject == "retention":
            why = f"{format_size(finding.size_bytes)} past the window, were {format_size(known.size_bytes)}"
            if finding.size_bytes >= _MORE_BYTES * known.size_bytes:
                worse.append(_change(finding, why=why))
            elif known.size_bytes >= _MORE_BYTES * finding.size_bytes:
                better.append(_change(finding, why=why))
    for key, known in old.items():
        if key not in new:
            resolved.append(_change(known))

    def ordered(found: list[FindingChange]) -> tuple[FindingChange, ...]:
        return tuple(sorted(found, key=lambda change: (rank(change.severity), change.key)))

    return FindingDifference(
        new=ordered(arrived), worse=ordered(worse), better=ordered(better), resolved=ordered(resolved)
    )


def as_change(finding: SavedFinding, why: str = "") -> FindingChange:
    """Return the finding as one line of what changed."""
    return _change(finding, why=why)


def _change(finding: SavedFinding, before: str | None = None, why: str = "") -> FindingChange:
    return FindingChange(
        key=finding.key, title=finding.title, severity=finding.severity, before=before, since=finding.since, why=why
    )


def overdue(
    findings: Iterable[SavedFinding], now: datetime, previous: datetime | None
) -> tuple[tuple[FindingChange, ...], int]:
    """Return those that became overdue since the previous run, and how many are overdue in all."""
    late = [f for f in findings if f.severity in DUE and now - f.since >= DUE[f.severity]]
    fresh = [f for f in late if previous is not None and previous - f.since < DUE[f.severity]]
    changes = (_change(f, why=f"open for {(now - f.since).days} days") for f in fresh)
    return tuple(sorted(changes, key=lambda change: (rank(change.severity), change.key))), len(late)


def names_of(finding: SavedFinding) -> frozenset[str]:
    """Return every name an [[ignore]] may call it by."""
    names = {finding.key}
    if finding.subject == "retention":
        names.add(f"retention:{finding.object}")
    if finding.rule == "settings/change":
        names.add(finding.object)
    if finding.rule.startswith("index/drop_"):
        names.add(f"index:{finding.object}")
    if finding.rule == "index/create":
        schema = finding.object.partition(".")[0]
        names.add(f"index:{schema}.{finding.key.rsplit(':', 1)[-1]}")
    return frozenset(names)


def mute_end(item: Mapping[str, object]) -> date | None:
    """Return the last day of an [[ignore]] (`until`; `expires` is the older name), None where it has none."""
    given = item.get("until", item.get("expires"))
    if given is None:
        return None
    return given if isinstance(given, date) else date.fromisoformat(str(given))


def mute_notes(
    ignore: Iterable[Mapping[str, object]], findings: Sequence[SavedFinding], today: date
) -> tuple[MuteNote, ...]:
    """Return the mutes that ended while their finding is still there, and those that mute nothing."""
    judged = all(finding.judged for finding in findings)
    present = {name for finding in findings for name in names_of(finding)}
    notes = []
    for item in ignore:
        name, reason, end = str(item["finding"]), str(item.get("reason", "")), mute_end(item)
        until = end.isoformat() if end is not None else None
        if name not in present:
            if judged:
                notes.append(MuteNote(finding=name, reason=reason, state="unused", until=until))
        elif end is not None and end < today:
            notes.append(MuteNote(finding=name, reason=reason, state="expired", until=until))
    return tuple(notes)


def muted_names(ignore: Iterable[Mapping[str, object]], today: date) -> frozenset[str]:
    """Return what is muted today."""
    ends = ((str(item["finding"]), mute_end(item)) for item in ignore)
    return frozenset(name for name, end in ends if end is None or end >= today)


def setting_changes(before: Snapshot, now: Snapshot) -> tuple[SettingChange, ...]:
    """Return the settings with another lasting value than in the run before, and where it comes from.

    The catalog does not say who changed a setting; the file and line are known where the role may read them.
    """
    if before.server.major != now.server.major:
        return ()  # defaults differ by hundreds; the upgrade is an event of its own
    old = {setting.name: setting for setting in before.settings}
    changes = []
    for setting in now.settings:
        known = old.get(setting.name)
        if known is None or setting.context == "internal" or known.source not in _LASTING:
            continue
        if setting.source not in _LASTING:
            continue
        waits = setting.pending_restart and not known.pending_restart
        if setting.setting == known.setting and not waits:
            continue
        changes.append(
            SettingChange(
                name=setting.name,
                before=_value(known),
                after=_value(setting),
                source=_source(setting),
                pending_restart=setting.pending_restart,
            )
        )
    return tuple(changes)


def _value(setting: Setting) -> str | None:
    if setting.setting is None or setting.unit is None or not setting.setting.lstrip("-").isdigit():
        return setting.setting
    if setting.unit in ("8kB", "kB", "MB", "B") and int(setting.setting) > 0:
        factor = {"B": 1, "kB": 1 << 10, "8kB": 1 << 13, "MB": 1 << 20}[setting.unit]
        return format_size(int(setting.setting) * factor)
    return f"{setting.setting}{setting.unit}" if int(setting.setting) > 0 else setting.setting


def _source(setting: Setting) -> str:
    if setting.sourcefile is None:
        return setting.source
    file = PurePosixPath(setting.sourcefile)
    if file.name == "postgresql.auto.conf":
        return f"ALTER SYSTEM (postgresql.auto.conf, line {setting.sourceline})"
    return f"{file}, line {setting.sourceline}"
