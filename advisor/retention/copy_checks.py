"""What outlives a purge: copies of the rows that no statement on this server reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.model.finding import Severity
from advisor.model.report import RetentionStatus
from advisor.model.snapshot import Snapshot
from advisor.retention.statuses import Judged, make_status

_MOST_NAMED = 5


def copy_statuses(snapshot: Snapshot, known: Sequence[Judged]) -> Iterator[RetentionStatus]:
    """Say once per database that archived WAL and backups keep personal rows for as long as they are kept themselves.

    Only where a policy declares such windows: without one nobody has promised anything.
    """
    promised = [j for j in known if j.target.keep is not None and not j.target.is_default and j.target.is_personal]
    archive = snapshot.setting("archive_mode")
    if not promised or archive is None or archive.setting not in ("on", "always"):
        return
    names = [str(j.target.relation) for j in promised]
    listed = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    longest = max((j.target.keep for j in promised if j.target.keep is not None), key=lambda w: w.total_days)
    yield make_status(
        promised[0],
        "ret.backup",
        Severity.INFO,
        f"This server archives its WAL: rows deleted from {listed} can be restored from base backups and WAL for as"
        f" long as those are kept, which adds to the window (the longest here is {longest}). Let backups expire after a"
        " known time, and count it in where the window is a promise.",
        confidence="high",
        tables=names,
    )
