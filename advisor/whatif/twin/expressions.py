"""Statistics of an index expression nobody has analyzed yet, derived from its base column's.

Without any, PostgreSQL takes an equality for 0.5 % of the rows, and no expression index ever looks useful. The
expression is applied to the base column's common values and histogram bounds, in the twin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from advisor.index_search.planner import Candidate
from advisor.index_search.widths import expression_columns
from advisor.model.arrays import format_array, parse_array
from advisor.model.catalog import Column
from advisor.model.names import RelationName, quote_ident
from advisor.model.statistics import ColumnStatistics
from advisor.whatif.twin.build import Twin
from advisor.whatif.twin.statistics import StatisticsWriter

_VARLENA_HEADER = 1


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The expression's value for one known value of its column, and the share of the rows it stands for."""

    value: str | None
    weight: float


def derive_statistics(twin: Twin, candidate: Candidate, indexes: Sequence[int], path: Sequence[str]) -> None:
    """Write statistics for the expressions of a new index (and its partitions) where they can be derived."""
    columns = twin.catalog.columns.get(candidate.table, {})
    writer = StatisticsWriter(twin.admin, only=indexes)
    names = twin.admin.execute(
        "select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n"
        " on n.oid = c.relnamespace where c.oid = any(%s::oid[])",
        (list(indexes),),
    ).fetchall()
    for position, key in enumerate(candidate.columns, 1):
        if key.expression is None:
            continue
        mentioned = expression_columns(key.expression, columns)
        if len(mentioned) != 1:
            continue
        base = twin.catalog.statistics(candidate.table, mentioned[0])
        if base is None:
            continue
        derived = _derive(twin, columns[mentioned[0]], key.expression, base, path)
        if derived is None:
            continue
        for schema, name in names:
            writer.write([_row(derived, RelationName(schema, name), position)])


def _row(derived: ColumnStatistics, relation: RelationName, position: int) -> ColumnStatistics:
    from dataclasses import replace

    return replace(derived, relation=relation, column="", attnum=position)


def _derive(
    twin: Twin, column: Column, expression: str, base: ColumnStatistics, path: Sequence[str]
) -> ColumnStatistics | None:
    common = [v for v in parse_array(base.most_common_vals) if v is not None]
    bounds = [v for v in parse_array(base.histogram_bounds) if v is not None]
    frequencies = list(base.most_common_freqs or ())[: len(common)]
    rest = max(0.0, 1.0 - base.null_frac - sum(frequencies))
    inputs = common + bounds
    # A column of few values has no histogram: its common values are all there is.
    weights = frequencies + [rest / max(len(bounds), 1)] * len(bounds)
    if not inputs:
        return None
    values = _apply(twin, column, expression, inputs, path)
    if values is None or all(value is None for value in values):
        return None
    outcomes = [_Outcome(value, weight) for value, weight in zip(values, weights, strict=True)]
    hits = Counter(outcome.value for outcome in outcomes if outcome.value is not None)
    shares: dict[str, float] = {}
    for outcome in outcomes:
        if outcome.value is not None:
            shares[outcome.value] = shares.get(outcome.value, 0.0) + outcome.weight
    nulls = base.null_frac + sum(o.weight for o in outcomes if o.value is None)
    one_to_one = len(hits) == len(set(inputs)) and not any(o.value is None for o in outcomes)
    typical = set(values[: len(common)])
    # A value is common when its base value was, or when several of the known values lead to it.
    often = sorted(
        (v for v in shares if v in typical or (not one_to_one and hits[v] > 1)), key=lambda v: (-shares[v], v)
    )
    few = [value for value in values if value is not None and value not in often]
    histogram = _sorted(twin, column, expression, inputs, [v is not None and v not in often for v in values], path)
    rows = max(twin.catalog.rows(base.relation), 1.0)
    return ColumnStatistics(
        relation=base.relation,
        column="",
        attnum=1,
        inherited=False,
        null_frac=min(1.0, nulls),
        avg_width=round(sum(len(v.encode()) for v in shares) / len(shares)) + _VARLENA_HEADER,
        n_distinct=base.n_distinct if one_to_one else _distinct(hits, rows),
        most_common_vals=format_array(tuple(often)) if often else None,
        most_common_freqs=tuple(shares[value] for value in often) if often else None,
        histogram_bounds=format_array(histogram) if len(few) > 1 and histogram else None,
        correlation=base.correlation,
    )


def _distinct(hits: Counter[str], rows: float) -> float:
    """Return n_distinct by the estimator ANALYZE uses (Haas and Stokes) over the known values."""
    sample = sum(hits.values())
    once = sum(1 for count in hits.values() if count == 1)
    if once == 0:
        return float(len(hits))
    estimate = sample * len(hits) / (sample - once + once * sample / max(rows, sample))
    return -min(1.0, estimate / rows) if estimate > 0.1 * rows else max(float(len(hits)), round(estimate))


def _apply(
    twin: Twin, column: Column, expression: str, inputs: list[str], path: Sequence[str]
) -> list[str | None] | None:
    query = f"select pg_catalog.array_agg(({expression})::text order by pgadvise_n) from {_values(column)}"  # noqa: S608
    return _ask(twin, query, inputs, path)


def _sorted(
    twin: Twin, column: Column, expression: str, inputs: list[str], keep: list[bool], path: Sequence[str]
) -> list[str | None] | None:
    """Return the values of the inputs to keep in the order of their type."""
    chosen = [value for value, wanted in zip(inputs, keep, strict=True) if wanted]
    if not chosen:
        return None
    query = f"select pg_catalog.array_agg(({expression})::text order by {expression}) from {_values(column)}"  # noqa: S608
    return _ask(twin, query, chosen, path)


def _values(column: Column) -> str:
    name = quote_ident(column.name)
    return (
        f"(select pgadvise_v::{column.type_name} as {name}, pgadvise_n from pg_catalog.unnest(%s::text[])"  # noqa: S608
        " with ordinality as given (pgadvise_v, pgadvise_n)) as known"
    )


def _ask(twin: Twin, query: str, inputs: list[str], path: Sequence[str]) -> list[str | None] | None:
    try:
        # The expression is the schema's code: it runs as the role that owns the twin, never as a superuser.
        with twin.owner.transaction():
            twin.owner.execute(("set local search_path = " + ", ".join(quote_ident(s) for s in path)).encode())
            parts = query.split("%s")
            # The expression may hold percent signs (LIKE patterns): only ours is a placeholder.
            row = twin.owner.execute(
                (parts[0].replace("%", "%%") + "%s" + "%s".join(parts[1:]).replace("%", "%%")).encode()
                if len(parts) == 2
                else query.encode(),
                (inputs,),
            ).fetchone()
    except psycopg.Error:
        return None  # a function that cannot run here, or a value it refuses: the planner's default stays
    return list(row[0]) if row is not None and row[0] is not None else None
