"""Minor releases and ends of life of PostgreSQL, as known when this version of pgadvise was made.

Ends of life are the project's own dates (https://www.postgresql.org/support/versioning/). A server may be newer than
this table; it is never called outdated for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 11, 21)


@dataclass(frozen=True, slots=True)
class Release:
    """One major version."""

    newest_minor: int
    end_of_life: date


RELEASES = {
    12: Release(22, date(2024, 11, 21)),
    13: Release(23, date(2025, 11, 13)),
    14: Release(23, date(2026, 11, 12)),
    15: Release(20, date(2027, 11, 11)),
    16: Release(14, date(2028, 11, 9)),
    17: Release(10, date(2029, 11, 8)),
    18: Release(6, date(2030, 11, 14)),
}
