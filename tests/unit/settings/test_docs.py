"""The tables of README.md and docs/settings.md are what the code prints, and the applications' numbers fit together."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from advisor.settings import capacity
from tests.bench.bench_settings_matrix import APPLICATIONS, DOCUMENTS, blocks, least_ram, written


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_tables_are_as_written(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert written(text) == text, "run: python -m tests.bench.bench_settings_matrix --write"


def test_every_table_has_a_place() -> None:
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    for name, lines in blocks().items():
        assert "\n".join(lines) in texts[1], name
    assert "\n".join(blocks()["matrix"]) in texts[0]


# Users, connections busy at the peak, pool, cores, clients of the pooler: the usual assumptions.
EXPECTED = ((200, 1.2, 5, 2, 240), (500, 3, 5, 2, 600), (1000, 6, 9, 4, 1200), (3500, 21, 31, 16, 4200))


@pytest.mark.parametrize(("users", "busy", "pool", "cores", "clients"), EXPECTED)
def test_the_applications(users: int, busy: float, pool: int, cores: int, clients: int) -> None:
    found = capacity(users)
    assert (round(found.busy, 6), found.pool, found.cores, found.max_client_connections) == (busy, pool, cores, clients)


def test_the_applications_come_out_consistent() -> None:
    results = [least_ram(users) for _, users in APPLICATIONS]
    for found in results:
        assert found.max_connections >= 1.2 * (found.pool + 10 + 4 + 3)
        assert found.worst_case_bytes is not None and found.ram_bytes is not None
        assert found.worst_case_bytes <= 0.9 * found.ram_bytes
        assert found.pool <= 2 * found.cores + 1
        assert f"max_db_connections = {found.pool}\n" in found.pgbouncer_ini
        assert f"max_client_conn = {found.max_client_connections}\n" in found.pgbouncer_ini
    for less, more in pairwise(results):
        assert less.pool <= more.pool and less.max_connections <= more.max_connections
        assert (less.ram_bytes or 0) <= (more.ram_bytes or 0)
