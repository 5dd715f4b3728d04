"""Slots: what is known of each parameter of a statement before values are drawn for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pglast import ast, enums

from advisor.workload.arguments import argument_values
from advisor.workload.parameters import Meeting
from advisor.workload.parse import Tree, find, parameters
from advisor.workload.values import ColumnValues, Values

# Functions around a column that leave its values recognisable.
_TRANSPARENT = frozenset(
    ["lower", "upper", "coalesce", "date_trunc", "timezone", "date", "btrim", "to_tsvector", "ltrim", "rtrim"]
)
# Operators that compute instead of comparing; on text % is similarity.
_ARITHMETIC = frozenset(["+", "-", "*", "/", "%", "^", "||", "->", "->>", "#>", "#>>", "|", "&", "#"])
_TEXTS = frozenset(["text", "varchar", "bpchar", "citext", "name"])


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter: its type ('schema.typname'), the column it meets if any, and special places it stands in."""

    number: int
    type: str
    meeting: Meeting | None
    column: ColumnValues | None
    place: str | None = None  # "limit", "inner limit" (of a subquery), "offset"
    is_list: bool = False
    word: str | None = None  # the one value that makes sense here: a unit, a format, a time zone
    pending: bool = False  # of a statement that takes work from a queue: not what most of the rows have

    @property
    def type_name(self) -> str:
        return self.type.partition(".")[2]


def make_slots(
    types: Sequence[str], meetings: Sequence[Meeting], lists: frozenset[int], tree: Tree, values: Values
) -> tuple[Slot, ...]:
    """Return a slot for every parameter, with the most telling of the columns it meets."""
    places, words, pending = _places(tree), argument_values(tree), _takes_work(tree)
    found: dict[int, list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        found[meeting.parameter].append(meeting)
    slots = []
    for number, type_name in enumerate(types, start=1):
        best, column = _best(found[number], values)
        is_list = number in lists or (best is not None and best.many)
        slots.append(Slot(number, type_name, best, column, places.get(number), is_list, words.get(number), pending))
    return tuple(slots)


def _places(tree: Tree) -> dict[int, str]:
    found: dict[int, str] = {}
    root = tree[0].stmt
    scalar = {id(link.subselect) for link in find(tree, ast.SubLink) if _is_scalar(link)}
    for select in find(tree, ast.SelectStmt):
        # What writes handles as many rows as its subquery finds; a scalar subquery finds one.
        own = select is root or not isinstance(root, ast.SelectStmt) or id(select) in scalar
        found.update(dict.fromkeys(parameters(select.limitOffset), "offset") if select.limitOffset else {})
        place = "limit" if own else "inner limit"
        found.update(dict.fromkeys(parameters(select.limitCount), place) if select.limitCount else {})
    return found


def _is_scalar(link: ast.SubLink) -> bool:
    return bool(link.subLinkType == enums.SubLinkType.EXPR_SUBLINK)


def _takes_work(tree: Tree) -> bool:
    """Return whether a statement locks rows and skips those others hold: the next job of a queue."""
    return any(clause.waitPolicy == enums.LockWaitPolicy.LockWaitSkip for clause in find(tree, ast.LockingClause))


def _best(meetings: Sequence[Meeting], values: Values) -> tuple[Meeting | None, ColumnValues | None]:
    """Prefer the planner's word, a bare column, equality, and a column whose statistics are known."""
    ranked = []
    for order, meeting in enumerate(meetings):
        column = values.of(meeting.relation, meeting.column)
        if column is not None and _comparable(meeting, column):
            known = column.known or bool(column.elements or column.ranges)
            # Of several partitions the newest: it is the one applications ask for.
            newest = column.positions[-1] if column.is_time and column.positions else 0.0
            ranked.append(
                (
                    (not known, len(meeting.around), meeting.operator != "=", len(meeting.through), -newest, order),
                    meeting,
                    column,
                )
            )
    if not ranked:
        return None, None
    _, meeting, column = min(ranked, key=lambda item: item[0])
    return meeting, column


def _comparable(meeting: Meeting, column: ColumnValues) -> bool:
    """Return whether the parameter's values can be read off the column's."""
    if not all(function in _TRANSPARENT for function in meeting.around):
        return False
    if meeting.operator in _ARITHMETIC:
        return meeting.operator == "%" and column.type_name in _TEXTS
    return True
