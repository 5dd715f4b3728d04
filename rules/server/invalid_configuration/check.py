"""Lines of the configuration files with errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.model.offence import Offence


def check(rows: Sequence[Mapping[str, Any]]) -> Iterator[Offence]:
    for row in rows:
        file = (row["file"] or "").replace("\\", "/").rpartition("/")[2]
        yield Offence(
            object=f"setting:{row['name']}" if row["name"] else f"{file}:{row['line']}",
            evidence={"name": row["name"] or None, "file": file, "line": row["line"], "error": row["error"]},
        )
