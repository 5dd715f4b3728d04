"""Which other database a statement that does not parse was written for."""

from __future__ import annotations

import re

# Words that PostgreSQL does not have, outside strings as far as a few words can tell.
_DIALECTS = {
    "MySQL or MariaDB": r"`|\bauto_increment\b|\bengine\s*=|\bmodify\s+column\b|\bchange\s+column\b|\bunsigned\b"
    r"|\bdelimiter\b|\btinyint\b|\bon\s+update\s+current_timestamp\b",
    "SQL Server": r"^\s*go\b|\[\w+\]\.?\[|\bnvarchar\b|\bidentity\s*\(\s*\d|\bexec\s+sp_|\bdatetime2\b|\bnonclustered\b"
    r"|\bwith\s*\(\s*online",
    "Oracle": r"\bvarchar2\b|\bnumber\s*\(|\bmodify\s*\(|\badd\s*\(\s*\w+\s+\w+|^\s*/\s*$|\bnocache\b|\bsysdate\b",
    "SQLite": r"\bautoincrement\b|^\s*pragma\b|\bwithout\s+rowid\b",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE | re.MULTILINE) for name, pattern in _DIALECTS.items()}


def other_dialect(statement: str) -> str:
    """Return ' (it looks like MySQL or MariaDB)', or nothing."""
    name = next((name for name, pattern in _PATTERNS.items() if pattern.search(statement)), None)
    return "" if name is None else f" (it looks like {name})"
