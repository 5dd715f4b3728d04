"""Constants that pg_stat_statements hides inside expressions, told where only one fits.

`attrs ->> 'sku' = $1` is recorded as `attrs ->> $2 = $1`, `to_tsvector('english', body)` as `to_tsvector($1, body)`.
An index on the expression needs the constant. Recorded executions show it; else the text search configuration is
taken to be the one the schema names, or the database's default, and a key of a JSON document the one whose values
explain the rows per call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_literal
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics
from advisor.workload.documents import distinct_of_sample, values_by_key
from advisor.workload.literals import Literals
from advisor.workload.parse import (
    Tree,
    apply_edits,
    code_tokens,
    find,
    function_name,
    is_parameter,
    operator_name,
    parameter_number,
    parse_tree,
)

_TEXT_SEARCH = frozenset(
    {"to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery"}
)  # fmt: skip
# to_tsvector('german', …), to_tsvector('pg_catalog.german'::regconfig, …), a trigger's arguments
_NAMED = re.compile(
    r"(?:\bto_tsvector\(\s*|\b(?:plain|phrase|websearch_)?to_tsquery\(\s*|\btsvector_update_trigger\([^,]+,\s*)'([\w.]+)'"
    r"(?:::\w+)?\s*,",
    re.IGNORECASE,
)
_ARROWS = frozenset({"->", "->>"})
# A key must explain the rows per call within this factor, and the next one be worse by that.
_EXPLAINS, _CLEARLY = 4.0, 5.0
_LEAST_DOCUMENTS = 10


@dataclass(frozen=True, slots=True)
class Revealed:
    """The statement with the constants put back; `assumed` says, for people, which of them are conclusions."""

    text: str
    tree: Tree
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """A text search configuration that statements which hide theirs most likely use, and why that one."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What is known besides the text."""

    catalog: Catalog
    relations: Collection[RelationName]
    text_search: Configuration | None
    rows_per_call: float | None  # None where a LIMIT or an aggregate hides how many rows matched
    literals: Sequence[Literals] = ()  # recorded executions: values by parameter number


def reveal(text: str, tree: Tree, clues: Clues) -> Revealed:
    """Return the statement with the hidden constants of its expressions put back, where they can be told."""
    wanted: dict[int, tuple[str, str | None]] = dict(_configurations(tree, clues)) | dict(_keys(tree, clues))
    if not wanted:
        return Revealed(text, tree)
    assumed: list[str] = []
    edits = []
    for token in code_tokens(text):
        if token.name != "PARAM" or (number := parameter_number(text, token)) not in wanted:
            continue
        value, conclusion = wanted[number]
        edits.append((token.start, token.end, quote_literal(value)))
        if conclusion is not None:
            assumed.append(conclusion)
    text = apply_edits(text, edits)
    return Revealed(text, parse_tree(text), tuple(dict.fromkeys(assumed)))


Found = tuple[int, tuple[str, str | None]]  # parameter, (value, what is assumed; None for a recorded value)


def _configurations(tree: Tree, clues: Clues) -> Iterator[Found]:
    """Yield the configurations of text search functions."""
    for call in find(tree, ast.FuncCall):
        arguments: Sequence[Any] = call.args or ()
        if len(arguments) != 2 or function_name(call) not in _TEXT_SEARCH:
            continue
        number = _parameter(arguments[0])
        if number is None:
            continue
        recorded = _recorded(number, clues.literals)
        if recorded is not None:
            yield number, (recorded, None)
        elif clues.text_search is not None:
            name, why = clues.text_search.name, clues.text_search.why
            yield number, (name, f"the text search configuration is hidden in pg_stat_statements; {name} is {why}")


def likely_configuration(snapshot: Snapshot) -> Configuration | None:
    """Return the one configuration that the schema names, else the database's default."""
    found = {match.removeprefix("pg_catalog.") for text in _schema_texts(snapshot) for match in _NAMED.findall(text)}
    if len(found) == 1:
        return Configuration(found.pop(), "the one that the schema uses elsewhere")
    setting = snapshot.setting("default_text_search_config")
    if setting is None or not setting.setting:
        return None
    return Configuration(setting.setting.removeprefix("pg_catalog."), "the database's default")


def _schema_texts(snapshot: Snapshot) -> Iterator[str]:
    """Yield what may call a text search function: generated columns, index expressions, functions, views, DDL run."""
    yield from (column.default for column in snapshot.columns if column.default)
    yield from (key.expression for index in snapshot.indexes for key in index.columns if key.expression)
    yield from (thing.ddl for thing in snapshot.schema_objects if thing.kind in ("function", "view", "rule"))
    yield from (row.query for row in snapshot.statements if row.query)


def _keys(tree: Tree, clues: Clues) -> Iterator[Found]:
    """Yield the keys of JSON documents that are compared with a value."""
    compared: list[tuple[int, str]] = []
    for expression in find(tree, ast.A_Expr):
        if operator_name(expression) != "=":
            continue
        for side in (expression.lexpr, expression.rexpr):
            if isinstance(side, ast.A_Expr) and operator_name(side) in _ARROWS:
                number, column = _parameter(side.rexpr), _column(side.lexpr)
                if number is not None and column is not None:
                    compared.append((number, column))
    for number, column in compared:
        recorded = _recorded(number, clues.literals)
        if recorded is not None:
            yield number, (recorded, None)
        elif len(compared) == 1 and (key := _only_key(column, clues)) is not None:
            yield (
                number,
                (
                    key,
                    f"the key in {column} is hidden in pg_stat_statements; {key!r} is the one that explains the rows"
                    " a call returns",
                ),
            )


def _parameter(node: Any) -> int | None:
    """Return n of `$n` or `$n::type`; None for anything else."""
    if isinstance(node, ast.TypeCast):
        node = node.arg
    return int(node.number) if is_parameter(node) else None


def _column(node: Any) -> str | None:
    if not isinstance(node, ast.ColumnRef) or not isinstance(node.fields[-1], ast.String):
        return None
    return str(node.fields[-1].sval)


def _recorded(number: int, literals: Sequence[Literals]) -> str | None:
    """Return the one value a parameter had in all recorded executions."""
    values = {found.get(number) for found in literals}
    return values.pop() if len(values) == 1 else None


def _only_key(column: str, clues: Clues) -> str | None:
    """Return the key of a jsonb column whose values explain the rows per call; None where several could."""
    found = [
        (relation, statistics)
        for relation in clues.relations
        if column in clues.catalog.columns.get(relation, {})
        and (statistics := clues.catalog.statistics(relation, column)) is not None
    ]
    if len(found) != 1:
        return None
    relation, statistics = found[0]
    expected = _rows_by_key(statistics, clues.catalog.rows(relation))
    if len(expected) == 1:
        return next(iter(expected))
    if clues.rows_per_call is None or not expected:
        return None
    seen = clues.rows_per_call + 0.5
    misfits = sorted((abs(math.log((rows + 0.5) / seen)), key) for key, rows in expected.items())
    (least, key), (next_least, _) = misfits[:2]
    return key if least <= math.log(_EXPLAINS) and next_least - least >= math.log(_CLEARLY) else None


def _rows_by_key(statistics: ColumnStatistics, rows: float) -> dict[str, float]:
    """Return how many rows one value of each top-level key has, by the sampled documents of the column."""
    documents, values = values_by_key(statistics)
    if documents < _LEAST_DOCUMENTS:
        return {}
    found = {}
    for key, seen in values.items():
        having = rows * len(seen) / documents
        found[key] = max(1.0, having / distinct_of_sample(seen, having))
    return found
