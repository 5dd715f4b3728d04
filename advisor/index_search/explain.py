"""Words for proposals: what the index is for, how sure that is, how long it takes to build."""

from __future__ import annotations

import re
from collections.abc import Iterable

from advisor.index_search.facts import Facts
from advisor.index_search.planner import Candidate
from advisor.index_search.search import Item
from advisor.model.catalog import IndexColumn
from advisor.model.workload import ColumnUse, Statement
from advisor.units import format_count, format_duration

_SCAN_BYTES_PER_SECOND = 200e6  # heap read by a build, warm SSD
_SORT_SECONDS_PER_ROW = 1.2e-6
_SLOWER = {"gin": 6.0, "gist": 8.0, "brin": 0.3, "hash": 1.0}
_NEARLY_ALL = 0.75  # of the rows: a condition that keeps so many makes no index small
_ONE_TO_ONE = re.compile(r"^(?:lower|upper|btrim|trim|initcap|unaccent|pg_catalog\.btrim|CAST)\(", re.I)
_PURPOSES = (
    (("equality", "in"), "finds rows by {}"),
    (("join",), "finds rows to join by {}"),
    (("like",), "finds rows by the beginning of {}"),
    (("range",), "narrows down to a range of {}"),
    (("order",), "returns rows in the order of {}"),
    (("group", "distinct"), "groups by {} without sorting"),
    (("contains",), "searches inside {}"),
    (("ilike", "regex", "similar"), "searches for parts of {}"),
)


def purpose(candidate: Candidate, statements: Iterable[Statement]) -> str:
    """Return one sentence on how the helped statements use the index."""
    uses: dict[str, list[ColumnUse]] = {}
    for statement in statements:
        for use in statement.uses:
            if use.relation == candidate.table:
                uses.setdefault(use.expression or use.columns[0], []).append(use)
    roles: dict[str, str] = {}
    for key in candidate.columns:
        found = {use.role for use in uses.get(key.key, ())}
        for names, _ in _PURPOSES:
            if found & set(names):
                roles[key.key] = names[0]
                break
    parts = []
    for names, words in _PURPOSES:
        keys = [key.key for key in candidate.columns if roles.get(key.key) == names[0]]
        if keys:
            parts.append(words.format(", ".join(keys)))
    if not parts:
        parts = [f"reads {', '.join(key.key for key in candidate.columns)} in order"]
    text = parts[0][0].upper() + parts[0][1:] + "".join(f", {part}" for part in parts[1:])
    if candidate.access_method == "brin":
        text += "; the rows lie in that order on disk, so a BRIN index of a few pages is enough"
    if candidate.include:
        text += f"; {', '.join(candidate.include)} included, so that the table itself need not be read"
    return text + "."


def share_text(item: Item) -> str:
    """Return how much of the table a partial index holds."""
    if item.candidate.predicate is None:
        return ""
    share = f"{item.share:.0%}" if item.share >= 0.01 else "less than 1%"
    if item.share > _NEARLY_ALL:
        return (
            f" Its condition keeps nearly all rows ({share}) and is there for other statements: without it the planner "
            "would walk through this index for them too, and be slower than now."
        )
    return f" It holds only the rows that satisfy its condition ({share}), so it stays small."


def confidence(item: Item, literal: bool, facts: Facts, before: float, after: float) -> tuple[str, str]:
    """Return (confidence, doubt): high, medium or low, and why it is not high."""
    candidate = item.candidate
    for key in candidate.columns:
        if key.expression is not None and candidate.access_method == "btree":
            known = facts.expression_known(candidate.table, key.expression)
            if not known and _ONE_TO_ONE.match(key.expression) is None:
                return "low", f"there are no statistics on {key.expression}, so how many rows it finds is a guess"
    if literal:
        return "medium", (
            "the condition's value was seen in recorded statements, but the statement passes it as a parameter: a "
            "prepared statement with a generic plan cannot use a partial index"
        )
    if candidate.access_method in ("gin", "gist", "brin"):
        return "medium", f"costs of {candidate.access_method.upper()} searches are estimated less exactly"
    if after > 0.7 * before:
        return "medium", "the gain is moderate"
    return "high", ""


def build_class(item: Item, table_bytes: int, rows: float) -> str:
    """Return how long the build takes, roughly: two passes over the table and a sort."""
    slower = _SLOWER.get(item.candidate.access_method, 1.0)
    seconds = 2 * table_bytes / _SCAN_BYTES_PER_SECOND
    seconds += rows * item.share * _SORT_SECONDS_PER_ROW * len(item.candidate.columns) * slower
    seconds += item.size_bytes / _SCAN_BYTES_PER_SECOND
    name = "seconds" if seconds < 60 else "minutes" if seconds < 3600 else "hours"
    return f"{name} (about {format_duration(max(seconds, 0.1))} on an idle server)"


def calls_text(calls: float) -> str:
    return f"{format_count(calls)} call{'s' if calls != 1 else ''}"


def key_names(columns: tuple[IndexColumn, ...]) -> tuple[str, ...]:
    return tuple(column.key for column in columns)


def cost_text(cost: float) -> str:
    return format_count(cost) if cost >= 10 else f"{cost:.1f}"
