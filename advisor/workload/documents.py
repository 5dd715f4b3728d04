"""What a sample of JSON documents tells of the values under their keys."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence

from advisor.model.arrays import parse_array
from advisor.model.statistics import ColumnStatistics


def values_by_key(statistics: ColumnStatistics) -> tuple[int, dict[str, list[str]]]:
    """Return how many documents ANALYZE kept of a column, and the values under each top-level key of them, as JSON."""
    values: dict[str, list[str]] = defaultdict(list)
    documents = 0
    for text in (*parse_array(statistics.most_common_vals), *parse_array(statistics.histogram_bounds)):
        try:
            document = json.loads(text or "")
        except ValueError:
            continue  # cut by the server, or no JSON at all
        documents += 1
        if isinstance(document, dict):
            for key, value in document.items():
                if not isinstance(value, dict | list):  # nobody compares a document within the document as a whole
                    values[key].append(json.dumps(value))
    return documents, values


def distinct_of_sample(sample: Sequence[str], rows: float) -> float:
    """Return how many different values `rows` rows have by those of a sample of them, as ANALYZE estimates it."""
    counted = Counter(sample)
    once = sum(times == 1 for times in counted.values())
    if once == len(sample):
        return max(rows, 1.0)
    seen = float(len(sample))
    return min(max(rows, 1.0), seen * len(counted) / (seen - once + once * seen / max(rows, seen)))
