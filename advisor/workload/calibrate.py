"""Which scenarios does production really ask for? The counters tell: rows and blocks per call.

Scenarios are reweighted by exponential tilting (the least change of the weights that explains a mean), by the blocks a
call touched and by the rows it returned; a few representatives then stand for all of them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName

_ROUNDS = 12
_BISECTIONS = 60
_STEEPEST = 30.0
_PASSES_ON = frozenset(
    ["Gather", "Gather Merge", "LockRows", "Result", "ProjectSet", "Subquery Scan", "Unique", "WindowAgg"]
)
_AGGREGATES = frozenset(["Aggregate", "Group", "Limit", "WindowAgg"])
MOST_REPRESENTATIVES = 5
# Plans of one shape whose costs differ by less than this need one representative only.
_SAME_COST = 1.1
# Values that cost the same today, and match so many times more rows than others, are kept apart: an index serves the
# rare ones better. So many groups are made for that at most; weights below a trace do not count.
_OTHER_MATCHES, _MOST_ALIKE, _TRACE = 10.0, 3, 0.02
_DOMINANT = 0.2
_EQUALITY = re.compile(r"^[^<>]* = ")
_INDEXED_COLUMN = re.compile(r'\(+(?:[\w$]+\.)?"?([\w$]+)"?')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the planner answered for one scenario. `rows`: None when the plan tells nothing about rows returned."""

    values: tuple[str | None, ...]
    cost: float
    rows: float | None
    blocks: float
    shape: str
    origin: str = "statistics"
    matched: float = 1.0  # rows that the scan finding most of them finds


def outcome_of(
    values: tuple[str | None, ...], plan: dict[str, Any], sizes: Sizes, origin: str = "statistics"
) -> Outcome:
    """Return the outcome of one scenario from its EXPLAIN (FORMAT JSON) plan."""
    return Outcome(
        values,
        float(plan["Total Cost"]),
        rows_returned(plan),
        blocks_of(plan, sizes),
        shape_of(plan),
        origin,
        _matched(plan),
    )


def _matched(plan: dict[str, Any]) -> float:
    """Return the rows of the scan that finds most: with an index, what a value costs, whatever it costs today."""
    most, waiting = 1.0, [plan]
    while waiting:
        node = waiting.pop()
        if "Relation Name" in node:
            most = max(most, float(node["Plan Rows"]))
        waiting += node.get("Plans", ())
    return most


def shape_of(plan: dict[str, Any]) -> str:
    """Return the plan's shape as a text: node types, relations and indexes."""
    parts: list[str] = []
    waiting: list[tuple[int, dict[str, Any]]] = [(0, plan)]
    while waiting:
        depth, node = waiting.pop()
        parts.append(
            f"{depth}{node['Node Type']}/{node.get('Relation Name', '')}/{node.get('Index Name', '')}"
            f"/{node.get('Strategy', '')}/{node.get('Join Type', '')}"
        )
        waiting.extend((depth + 1, child) for child in reversed(node.get("Plans", ())))
    return ";".join(parts)


def rows_returned(plan: dict[str, Any]) -> float | None:
    """Return the rows a call reports by the plan's estimate; None where an aggregate or LIMIT hides them."""
    if plan["Node Type"] == "ModifyTable":
        children = plan.get("Plans", ())
        return float(children[0]["Plan Rows"]) if children else None
    node = plan
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if node["Node Type"] in _AGGREGATES:
            return None
        waiting += [c for c in node.get("Plans", ()) if c.get("Parent Relationship") in ("Outer", "Subquery")]
    return float(plan["Plan Rows"])


def tables_by_name(catalog: Catalog) -> dict[str, list[Table]]:
    """Return a catalog's tables by their names without schema."""
    found: dict[str, list[Table]] = defaultdict(list)
    for table in catalog.snapshot.tables:
        found[table.name].append(table)
    return found


class Sizes:
    """Pages, rows per page and correlations of a catalog's tables, as plans name them (without schema)."""

    def __init__(
        self,
        catalog: Catalog,
        search_path: Sequence[str] = (),
        by_name: Mapping[str, Sequence[Table]] | None = None,
    ) -> None:
        self._catalog = catalog
        self._by_name = tables_by_name(catalog) if by_name is None else by_name
        setting = catalog.snapshot.setting("random_page_cost")
        self.random_page_cost = max(float(setting.setting), 0.1) if setting is not None and setting.setting else 4.0
        self._order = {schema: position for position, schema in enumerate(search_path)}

    def _relation(self, name: str | None) -> RelationName | None:
        """Return the table a plan means: the first in the path, then the largest."""
        tables = self._by_name.get(name or "")
        if not tables:
            return None
        return min(tables, key=lambda table: (self._order.get(table.schema, 1000), -table.relpages)).relation

    def pages(self, name: str | None) -> tuple[float, float]:
        """Return (pages, rows per page) of a table, both at least 1."""
        relation = self._relation(name)
        table = self._catalog.tables.get(relation) if relation is not None else None
        if table is None:
            return 1.0, 1.0
        pages = max(1.0, (table.size_bytes or 0) / self._catalog.snapshot.server.block_size, float(table.relpages))
        return pages, max(1.0, max(table.reltuples, 0.0) / max(1.0, float(table.relpages)))

    def fetched(self, name: str | None, condition: str, rows: float) -> float:
        """Return the heap blocks an index scan reads for `rows` rows that match its index condition."""
        pages, per_page = self.pages(name)
        scattered = pages * (1 - math.exp(-rows / pages))
        match, relation = _INDEXED_COLUMN.match(condition), self._relation(name)
        if match is None or relation is None:
            return min(rows, scattered)
        statistics = self._catalog.statistics(relation, match[1])
        if statistics is None:
            return rows
        if _EQUALITY.search(condition) and max(statistics.most_common_freqs or (0.0,)) > _DOMINANT:
            # Where one value dominates, correlation says how its own rows lie, not those of the others. The rows of
            # one value come in heap order: no block is read twice.
            return scattered
        followed = (statistics.correlation or 0.0) ** 2
        return rows * (1 - followed) + rows * followed / per_page


def blocks_of(plan: dict[str, Any], sizes: Sizes, loops: float = 1.0) -> float:
    """Return the blocks the plan touches, by a simple model of each node; `loops` may be the part of one."""
    node_type, rows = plan["Node Type"], float(plan["Plan Rows"])
    children = plan.get("Plans", ())
    if node_type == "Limit" and children:
        share = min(1.0, float(plan["Total Cost"]) / max(float(children[0]["Total Cost"]), 0.01))
        return blocks_of(children[0], sizes, loops * (1.0 if _collects(children[0]) else share))
    # Below a Gather the rows are those of one process; two workers and the leader are the usual number.
    blocks = loops * _own_blocks(plan, node_type, rows * (2.4 if plan.get("Parallel Aware") else 1.0), sizes)
    for position, child in enumerate(children):
        child_loops = loops
        if node_type == "Nested Loop" and position == 1 and child["Node Type"] not in ("Materialize", "Memoize"):
            child_loops = loops * max(1.0, float(children[0]["Plan Rows"]))
        elif child.get("Parent Relationship") == "SubPlan" and "hashed" not in str(plan.get("Filter", "")):
            child_loops = loops * max(1.0, rows)
        blocks += blocks_of(child, sizes, child_loops)
    return blocks


def _collects(plan: dict[str, Any]) -> bool:
    """Return whether a plan reads all its rows before it returns the first: a LIMIT above it spares no reading."""
    if plan["Node Type"] == "Sort" or (plan["Node Type"] == "Aggregate" and plan.get("Strategy") != "Sorted"):
        return True
    children = plan.get("Plans", ())
    return plan["Node Type"] in _PASSES_ON and len(children) > 0 and _collects(children[0])


def _own_blocks(plan: dict[str, Any], node_type: str, rows: float, sizes: Sizes) -> float:
    name = plan.get("Relation Name")
    if node_type == "Index Only Scan":
        return 3 + rows / 100
    if node_type == "Bitmap Index Scan":
        return 3 + rows / 200
    if node_type not in ("Seq Scan", "Index Scan", "Bitmap Heap Scan"):
        return 0.0
    pages, _ = sizes.pages(name)
    if node_type == "Index Scan":
        blocks = 3 + sizes.fetched(name, plan.get("Index Cond", ""), rows)
        if "Filter" in plan:
            # The rows are those the filter lets through; only the cost knows how many were fetched.
            blocks = max(blocks, min(pages, float(plan["Total Cost"]) / (1.25 * sizes.random_page_cost)))
        return blocks
    if node_type == "Seq Scan":
        return pages
    rows = max(rows, _bitmap_rows(plan))
    return min(pages, pages * (1 - math.exp(-rows / pages)))


def _bitmap_rows(plan: dict[str, Any]) -> float:
    """Return the rows the indexes under a bitmap heap scan find, before its filter."""
    node_type, children = plan["Node Type"], plan.get("Plans", ())
    if node_type == "Bitmap Index Scan":
        return float(plan["Plan Rows"])
    found = [_bitmap_rows(child) for child in children]
    if not found:
        return 0.0
    return sum(found) if node_type == "BitmapOr" else min(found)


def calibrate(
    outcomes: Sequence[Outcome],
    rows_per_call: float | None,
    blocks_per_call: float | None,
    starts: Sequence[float] | None = None,
) -> list[float]:
    """Return a weight for every outcome (they sum to 1) that explains the observed means as well as can be.

    `starts` are the weights to begin with, equal ones by default.
    """
    weights = _normalised(starts if starts is not None else [1.0] * len(outcomes))
    if len(outcomes) == 1:
        return weights
    targets: list[tuple[list[float], float]] = []
    if blocks_per_call is not None:
        targets.append(([outcome.blocks for outcome in outcomes], blocks_per_call))
    # Rows come last and so have the last word: they are counted, while blocks come from a simple model.
    rows = [outcome.rows for outcome in outcomes if outcome.rows is not None]
    if rows_per_call is not None and len(rows) == len(outcomes):
        targets.append((rows, rows_per_call))
    for _ in range(_ROUNDS if len(targets) > 1 else 1):
        for amounts, target in targets:
            weights = tilt(weights, amounts, target)
    return weights


def tilt(weights: Sequence[float], amounts: Sequence[float], target: float) -> list[float]:
    """Return weights ∝ weight · amount^e whose mean amount is `target`; outside the range, all on the nearest.

    >>> [round(w, 3) for w in tilt([0.5, 0.5], [1.0, 3.0], 2.5)]
    [0.25, 0.75]
    """
    amounts = [max(amount, 0.5) for amount in amounts]
    target = max(target, 0.5)
    low, high = min(amounts), max(amounts)
    if not low < target < high:
        nearest = [low <= amount <= low * 1.2 if target <= low else amount >= high / 1.2 for amount in amounts]
        # A trace of the old weights stays: the other observation may still need them.
        return _normalised([max(w, 1e-9) * (1.0 if near else 1e-6) for w, near in zip(weights, nearest, strict=True)])
    logs = [math.log(amount) for amount in amounts]
    start = [math.log(max(weight, 1e-12)) for weight in weights]
    least, most = -_STEEPEST, _STEEPEST
    tilted: list[float] = list(weights)
    for _ in range(_BISECTIONS):
        exponent = (least + most) / 2
        powers = [a + exponent * b for a, b in zip(start, logs, strict=True)]
        peak = max(powers)
        tilted = [math.exp(power - peak) for power in powers]
        mean = sum(a * b for a, b in zip(tilted, amounts, strict=True)) / sum(tilted)
        least, most = (exponent, most) if mean < target else (least, exponent)
    return _normalised(tilted)


def _normalised(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def representatives(
    outcomes: Sequence[Outcome], weights: Sequence[float], most: int = MOST_REPRESENTATIVES
) -> list[tuple[Outcome, float]]:
    """Return at most `most` outcomes that stand for all, with weights that sum to 1, the heaviest first.

    One per plan shape; the shapes with the widest spread of costs are split at their weighted median. Shapes
    beyond `most` fall to the one with the nearest cost.
    """
    groups: dict[str, list[tuple[Outcome, float]]] = defaultdict(list)
    for outcome, weight in zip(outcomes, weights, strict=True):
        groups[outcome.shape].append((outcome, weight))
    parts = sorted(
        (sorted(group, key=lambda item: item[0].cost) for group in groups.values()),
        key=lambda group: -sum(weight for _, weight in group),
    )
    parts, rest = parts[:most], parts[most:]
    for group in rest:
        for outcome, weight in group:
            nearest = min(parts, key=lambda part: abs(part[0][0].cost - outcome.cost))
            nearest.append((outcome, weight))
            nearest.sort(key=lambda item: item[0].cost)
    while len(parts) < most:
        widest = max(range(len(parts)), key=lambda index: _spread(parts[index]))
        if parts[widest][-1][0].cost <= parts[widest][0][0].cost * _SAME_COST:
            break
        parts[widest : widest + 1] = _halves(parts[widest])
    while len(parts) < min(most, _MOST_ALIKE):
        widest = max(range(len(parts)), key=lambda index: _ratio(parts[index]))
        if _ratio(parts[widest]) < _OTHER_MATCHES:
            break
        parts[widest].sort(key=lambda item: item[0].matched)
        parts[widest : widest + 1] = _apart(parts[widest])
    found = [_middle(part) for part in parts]
    found = [(outcome, weight) for outcome, weight in found if weight > 1e-4] or [max(found, key=lambda item: item[1])]
    total = sum(weight for _, weight in found)
    return sorted(((outcome, weight / total) for outcome, weight in found), key=lambda item: -item[1])


def _spread(part: Sequence[tuple[Outcome, float]]) -> float:
    return (part[-1][0].cost - part[0][0].cost) * sum(weight for _, weight in part)


def _ratio(part: Sequence[tuple[Outcome, float]]) -> float:
    matched = [outcome.matched for outcome, weight in part if weight > _TRACE]
    return max(matched) / min(matched) if matched else 1.0


def _apart(part: list[tuple[Outcome, float]]) -> list[list[tuple[Outcome, float]]]:
    """Return a group, sorted by rows matched, cut at its widest gap."""
    gaps = [after.matched / before.matched for (before, _), (after, _) in itertools.pairwise(part)]
    place = gaps.index(max(gaps)) + 1
    return [part[:place], part[place:]]


def _halves(part: list[tuple[Outcome, float]]) -> list[list[tuple[Outcome, float]]]:
    half, reached = sum(weight for _, weight in part) / 2, 0.0
    for index, (_, weight) in enumerate(part[:-1]):
        reached += weight
        if reached >= half or index == len(part) - 2:
            return [part[: index + 1], part[index + 1 :]]
    return [part]


def _middle(part: Sequence[tuple[Outcome, float]]) -> tuple[Outcome, float]:
    """Return the outcome nearest to the group's mean cost, of alike ones the likeliest, with the group's weight."""
    total = sum(weight for _, weight in part)
    if total <= 0:
        return part[0][0], 0.0
    mean = sum(outcome.cost * weight for outcome, weight in part) / total
    off = min(abs(outcome.cost - mean) for outcome, _ in part) + (_SAME_COST - 1) * mean
    # What reads the whole table costs the same for every value; with an index it matters which one is asked for.
    return max((item for item in part if abs(item[0].cost - mean) <= off), key=lambda item: item[1])[0], total
