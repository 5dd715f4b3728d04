"""The tables of docs/settings.md are what the code prints."""

from __future__ import annotations

import re
from pathlib import Path

from advisor.settings import capacity
from tests.bench.bench_settings_matrix import full_share, table

TEXT = (Path(__file__).parents[3] / "docs/settings.md").read_text(encoding="utf-8")


def test_the_comparison() -> None:
    for line in table(full_share)[2:]:
        assert line in TEXT


def test_the_applications() -> None:
    rows = re.findall(r"^\| [a-z;, ]+ \| (\d+) \| ([\d.]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 4
    for users, busy, pool, cores, connections, clients in rows:
        found = capacity(int(users))
        assert round(found.busy, 6) == float(busy)
        assert (found.pool, found.cores, found.max_connections, found.max_client_connections) == (
            int(pool),
            int(cores),
            int(connections),
            int(clients),
        )
