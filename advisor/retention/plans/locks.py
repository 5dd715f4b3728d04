"""What each statement of a script locks, in the words of the documentation and what they mean to others."""

from __future__ import annotations

from collections.abc import Sequence

# The first that fits; `DETACH` before the rest, because it stands inside ALTER TABLE.
_LOCKS = (
    ("DETACH PARTITION", "CONCURRENTLY", "SHARE UPDATE EXCLUSIVE on the table: reads and writes go on; it waits for"
     " transactions that are older than it"),
    ("DETACH PARTITION", "", "ACCESS EXCLUSIVE on the table and the partition, for milliseconds"),
    ("DROP TABLE", "", "ACCESS EXCLUSIVE on that table alone: it is no partition any more"),
    ("CREATE INDEX CONCURRENTLY", "", "SHARE UPDATE EXCLUSIVE: reads and writes go on while it is built"),
    ("ALTER INDEX", "", "ACCESS EXCLUSIVE on the index, for milliseconds"),
    ("VACUUM", "", "SHARE UPDATE EXCLUSIVE: reads and writes go on"),
    ("DO $pgadvise$", "DELETE FROM", "ROW EXCLUSIVE, and the rows of one batch: only those rows wait"),
    ("DO $pgadvise$", "", "ACCESS SHARE: it only reads"),
    ("CREATE TABLE", "PARTITION OF", "ACCESS EXCLUSIVE on the table, for milliseconds"),
    ("INSERT INTO", "", "ROW EXCLUSIVE on the copy, ACCESS SHARE on the table"),
)  # fmt: skip


def stated_locks(statements: Sequence[str]) -> tuple[str, ...]:
    """Return one lock per statement, "none" for those that lock nothing others use."""
    return tuple(_lock(statement) for statement in statements)


def _lock(statement: str) -> str:
    for first, second, lock in _LOCKS:
        if first in statement and second in statement:
            return lock
    return "none"
