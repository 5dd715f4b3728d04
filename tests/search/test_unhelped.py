"""The sentence about a dear statement names what makes it dear."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.index_search.facts import Facts
from advisor.index_search.options import SearchOptions
from advisor.index_search.unhelped import _why
from advisor.model.lookup import Catalog
from tests.search.fake import columns, snapshot, statement, table

_FOUND = {"Node Type": "Bitmap Index Scan", "Index Name": "device_fleet", "Plan Rows": 700.0, "Total Cost": 10.0}


@pytest.mark.parametrize(
    ("text", "scan", "words"),
    [
        # The flag is true nearly everywhere: the index has done its work.
        ("select * from device where fleet = $1 and live", {"Plan Rows": 690, "Plans": [_FOUND]}, "already finds"),
        ("select * from device where fleet = $1 and live", {"Plan Rows": 7, "Plans": [_FOUND]}, "EXPLAIN shows"),
        ("select * from device where data ->> $1 = $2", {"Filter": "((data ->> 'a') = 'x')"}, "which key"),
        ("select * from device where data ->> 'a' = $1", {"Filter": "((data ->> 'a') = 'x')"}, "EXPLAIN shows"),
    ],
)
def test_what_makes_it_dear(text: str, scan: dict[str, Any], words: str) -> None:
    shot = snapshot([table("device", rows=30_000)], columns("device", fleet="int4", live="bool", data="jsonb"))
    catalog = Catalog(shot)
    tree = {
        "Node Type": "Bitmap Heap Scan", "Relation Name": "device", "Filter": "live", "Plan Rows": 1,
        "Total Cost": 900.0,
    } | scan  # fmt: skip
    assert words in _why(statement(catalog, "s", text), tree, Facts(shot, catalog, SearchOptions()))
