"""What a snapshot's catalog tells of tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from tests.search.fake import columns, counters, snapshot, table

COUNTED = replace(counters(), n_live_tup=50_000)


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        (table("v", rows=-1.0, pages=446, relpages=0), 446 * 8192 // (28 + 8 + 32)),
        (table("v", rows=-1.0, pages=446, relpages=0, counters=COUNTED), 50_000),
        (table("v", rows=0.0, pages=446, relpages=0, counters=COUNTED), 50_000),  # as 13 has it
        (table("v", rows=0.0, pages=446, counters=COUNTED), 0),  # analyzed, and found empty
        (table("v", rows=-1.0, pages=0, counters=COUNTED), 0),
    ],
)
def test_rows_of_what_nobody_has_analyzed(found: Table, rows: float) -> None:
    catalog = Catalog(snapshot([found], columns("v", id="int8", name="text")))
    assert catalog.rows(found.relation) == rows
