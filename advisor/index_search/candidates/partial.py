"""Partial indexes: predicates the planner can prove from the statement's own constants.

What it proves was measured on 13 to 18: `b` from `b`, `b = true`; `NOT b` from `NOT b`, `b = false`; `IS TRUE` only
from itself; `s = 'x'` from itself; `s IN (…)` from itself; `s <> 'x'` from itself; `n IS NOT NULL` from any strict
operator. So a predicate is written as the application writes its condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Key, Occurrence
from advisor.model.arrays import parse_array
from advisor.model.names import quote_ident, quote_literal
from advisor.model.workload import Statement

_MAX_DISTINCT = 50
_MAX_SHARE = 0.75  # of the rows: above it the index is hardly smaller
_MAX_NULL_SHARE = 0.6
_ENOUGH_ALIKE = 5  # recorded executions with one and the same value: it is a constant of the application,
_FEWEST_ALIKE = 3  # or so many, where one value after the other being the same
_BY_CHANCE = 0.002  # would be as unlikely as this
_LITERAL = re.compile(r"^(?:E?'(?:[^']|'')*'|-?\d+(?:\.\d+)?|TRUE|FALSE|true|false)$")
_CAST_LITERAL = re.compile(r"^CAST\(('(?:[^']|'')*') AS ([\w. \"]+)\)$")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition for an index's WHERE: its text, the keys it makes superfluous, the share of rows it keeps."""

    text: str
    replaces: frozenset[str]
    share: float
    literal: bool = False  # the value comes from bindings, not from the statement's text


def predicates(one: Occurrence, facts: Facts) -> Iterator[Predicate]:
    """Yield the predicates worth trying for one occurrence."""
    single = [p for key in (*one.equal, *one.lists, *one.unequal) if (p := _predicate(key, one, facts)) is not None]
    single.extend(p for key in one.ranges if (p := _beyond(key, one, facts)) is not None)
    single.extend(p for key in (*one.ranges, *one.joins) if (p := _not_null(key, one, facts)) is not None)
    yield from single
    useful = [p for p in single if p.replaces]
    for position, first in enumerate(useful[:3]):
        for second in useful[position + 1 : 3]:
            yield Predicate(
                f"{first.text} AND {second.text}",
                first.replaces | second.replaces,
                first.share * second.share,
                first.literal or second.literal,
            )


def stated(one: Occurrence, facts: Facts) -> dict[str, float]:
    """Return the conditions on single columns that an occurrence states in its own text, with the share of rows that
    each keeps: also those that keep nearly all, which make no index smaller."""
    found: dict[str, float] = {}
    for key in one.equal:
        use = key.use
        if use.expression is not None:
            continue
        column = quote_ident(use.columns[0])
        known = facts.column(one.relation, use.columns[0])
        nulls = facts.null_share(one.relation, use.columns[0])
        if known is None or nulls is None:
            continue
        if use.operator == "IS NULL":
            found[f"{column} IS NULL"] = nulls
        elif known.base_type.name == "bool" and use.constant is not None:
            flag = _boolean(key, column, use.constant, one, facts, most=1.0)
            if flag is not None:
                found[flag.text] = flag.share
    return found


def _predicate(key: Key, one: Occurrence, facts: Facts) -> Predicate | None:
    use = key.use
    if use.expression is not None:
        return None
    column = quote_ident(use.columns[0])
    known = facts.column(one.relation, use.columns[0])
    statistics = facts.statistics(one.relation, use.columns[0])
    if known is None or statistics is None:
        return None
    nulls = statistics.null_frac
    own = frozenset({key.name})
    if use.operator == "IS NULL":
        return Predicate(f"{column} IS NULL", own, nulls) if 0 < nulls <= _MAX_NULL_SHARE else None
    if use.operator == "IS NOT NULL":
        return Predicate(f"{column} IS NOT NULL", frozenset(), 1 - nulls) if nulls >= 1 - _MAX_NULL_SHARE else None
    if known.base_type.name == "bool" and use.constant is not None:
        return _boolean(key, column, use.constant, one, facts)
    if facts.distinct(one.relation, use.columns) > _MAX_DISTINCT:
        return None
    constant, literal = use.constant, False
    if constant is None and use.parameter is not None and use.role == "equality":
        constant = repeated_literal(one.statement, use.parameter, facts.distinct(one.relation, use.columns))
        literal = True
        if constant is not None and known.base_type.name == "bool":
            return _boolean(key, column, constant, one, facts, literal)
    elif constant is None and use.role == "in":
        constant, literal = _repeated_list(key, one, facts), True
    if constant is None:
        return None
    if use.role == "in":
        return _list(key, column, constant, one, facts, literal)
    text = _value_text(constant)
    if text is None:
        return None
    if literal and known.type_category == "N" and _LITERAL.match(text):
        constant = text
    share = facts.frequency(one.relation, use.columns[0], text)
    if share is None:
        return None
    if use.role == "equality" and use.operator == "=":
        return Predicate(f"{column} = {constant}", own, share, literal) if share <= _MAX_SHARE else None
    if use.role == "inequality" and use.operator in ("<>", "!="):
        rest = 1 - share - nulls
        return Predicate(f"{column} <> {constant}", frozenset(), rest) if rest <= _MAX_NULL_SHARE else None
    return None


def _boolean(
    key: Key,
    column: str,
    constant: str,
    one: Occurrence,
    facts: Facts,
    literal: bool = False,
    most: float = _MAX_SHARE,
) -> Predicate | None:
    use = key.use
    value = constant.lower().strip("'")
    if value not in ("true", "t", "false", "f"):
        return None
    wanted = value in ("true", "t")
    share: float | None = facts.frequency(one.relation, use.columns[0], "t" if wanted else "f")
    if use.operator in ("IS TRUE", "IS FALSE"):
        text = f"{column} {use.operator}"
    elif use.operator in ("IS NOT TRUE", "IS NOT FALSE"):
        share = None if share is None else 1 - share
        text = f"{column} {use.operator}"
    elif use.operator == "=":
        text = column if wanted else f"NOT {column}"
    else:
        share = None if share is None else 1 - share
        text = f"NOT {column}" if wanted else column
    if share is None or share > most:
        return None
    return Predicate(text, frozenset({key.name}), share, literal)


def _repeated_list(key: Key, one: Occurrence, facts: Facts) -> str | None:
    """Return the values of an IN list whose parameters all had one value in every recorded execution."""
    use = key.use
    distinct = facts.distinct(one.relation, use.columns)
    numbers = [
        other.parameter
        for other in one.statement.uses
        if (other.relation, other.occurrence, other.branch) == (use.relation, use.occurrence, use.branch)
        and (other.role, other.columns, other.expression) == ("in", use.columns, None)
    ]
    found: list[str] = []
    for number in numbers:
        value = None if number is None else repeated_literal(one.statement, number, distinct)
        if value is None:
            return None
        items = parse_array(value[1:-1].replace("''", "'")) if value.startswith("'{") else ()
        if any(item is None for item in items):
            return None
        found.extend([quote_literal(item) for item in items if item is not None] or [value])
    return f"({', '.join(dict.fromkeys(found))})" if found else None


def _list(
    key: Key, column: str, constant: str, one: Occurrence, facts: Facts, literal: bool = False
) -> Predicate | None:
    if not constant.startswith("("):
        return None
    parts = re.findall(r"E?'(?:[^']|'')*'|[^,()\s]+", constant)
    shares = [
        facts.frequency(one.relation, key.use.columns[0], text)
        for part in parts
        if (text := _value_text(part)) is not None
    ]
    if len(shares) != len(parts) or any(share is None for share in shares):
        return None
    total = sum(share for share in shares if share is not None)
    # The column stays in the key: the predicate does not say which of the values it is.
    if total > _MAX_NULL_SHARE:
        return None
    return Predicate(f"{column} IN {constant}", frozenset(), total, literal)


def _beyond(key: Key, one: Occurrence, facts: Facts) -> Predicate | None:
    """Return the condition of a range that always has one and the same number for its bound: amounts below 0.

    Times are no such numbers: the bound that was the same for a week is another one next week.
    """
    use = key.use
    if use.expression is not None or use.operator not in ("<", "<=", ">", ">="):
        return None
    known = facts.column(one.relation, use.columns[0])
    if known is None or known.type_category != "N":
        return None
    constant, literal = use.constant, False
    if constant is None and use.parameter is not None:
        # How many values the column has proves nothing about a bound: so many executions as for a flag.
        constant, literal = repeated_literal(one.statement, use.parameter, 2.0), True
    text = _value_text(constant) if constant is not None else None
    share = facts.range_share(one.relation, use.columns[0], use.operator, text) if text is not None else None
    if text is None or share is None or share > _MAX_NULL_SHARE:
        return None
    return Predicate(f"{quote_ident(use.columns[0])} {use.operator} {text}", frozenset({key.name}), share, literal)


def _not_null(key: Key, one: Occurrence, facts: Facts) -> Predicate | None:
    if key.use.expression is not None:
        return None
    nulls = facts.null_share(one.relation, key.use.columns[0])
    if nulls is None or nulls < 1 - _MAX_NULL_SHARE:
        return None
    return Predicate(f"{quote_ident(key.use.columns[0])} IS NOT NULL", frozenset(), 1 - nulls)


def _value_text(constant: str) -> str | None:
    """Return a literal's value as statistics print it; None for anything that is not a plain literal."""
    if (cast := _CAST_LITERAL.match(constant)) is not None:
        constant = cast[1]
    if _LITERAL.match(constant) is None:
        return None
    if constant.startswith(("'", "E'")):
        body = constant[constant.index("'") + 1 : -1]
        return None if constant.startswith("E") and "\\" in body else body.replace("''", "'")
    return constant.lower() if constant[0].isalpha() else constant


def repeated_literal(statement: Statement, parameter: int, distinct: float) -> str | None:
    """Return the one value a parameter had in every recorded execution, as SQL; None where that may be chance.

    `distinct` is the number of values the column has: three executions alike prove little about one of two values.
    """
    for number, value, executions in statement.repeated:
        if number == parameter and (
            executions >= _ENOUGH_ALIKE
            or (executions >= _FEWEST_ALIKE and max(distinct, 2.0) ** (1 - executions) <= _BY_CHANCE)
        ):
            return quote_literal(value)
    return None
