"""Scenarios: complete sets of parameter values a statement may have been called with.

Latin hypercube over the parameters: every parameter's quantiles are all used once, in random combination. Half of
the scenarios draw values as rows have them, half as distinct values do: nobody knows yet which the application
asks for; calibration (calibrate.py) decides.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from advisor.model.names import RelationName
from advisor.workload.parameters import Meeting
from advisor.workload.slots import Slot
from advisor.workload.values import RANGE_ELEMENTS, ColumnValues, Values, array_of, from_number, to_number

Scenario = tuple[str | None, ...]
# What people write behind LIMIT.
_LIMITS = (1, 2, 3, 5, 10, 12, 15, 20, 24, 25, 30, 40, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000)
_DEFAULT_LIMIT = 20
_NEARLY_ALWAYS = 0.9
_MOST = 0.5  # of a queue's rows
_NO_ROWS = 0.4  # of the further states that a statement names: those that no row has just now
_MORE_WORDS = (0, 0, 1, 1, 2)  # behind the first: people search for one or two, seldom three
_LIST_LENGTHS = (2, 3, 5, 10, 20, 50, 100, 200)
_LOWER, _UPPER = frozenset([">", ">="]), frozenset(["<", "<="])
_LIKE = frozenset(["~~", "~~*", "!~~", "!~~*", "~", "~*"])
_CONTAINMENT = frozenset(["@>", "<@", "&&", "?", "?|", "?&", "@@", "@@@", "element"])
_RELATIVE = frozenset(["now", "make_interval"])
_SECONDS_OF_A_DAY = 86400.0
# make_interval's arguments: years, months, weeks, days, hours, minutes, seconds.
_INTERVAL_ARGUMENTS = (365.25 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)


def draw_scenarios(
    slots: Sequence[Slot],
    count: int,
    values: Values,
    *,
    kind: str,
    rows_per_call: float | None,
    seed: str,
) -> list[Scenario]:
    """Return `count` scenarios, the same for the same `seed`; `rows_per_call` tells the LIMIT."""
    chance = random.Random(seed)
    order = [chance.sample(range(count), count) for _ in range(len(slots) + 1)]
    pairs = _range_pairs(slots)
    scaled = frozenset(
        (slot.meeting.relation, slot.meeting.column)
        for slot in slots
        if slot.meeting is not None and slot.type_name == "interval"
    )
    scenarios = []
    for index in range(count):
        draw = _Draw(
            values, chance, by_rows=order[0][index] % 2 == 1, kind=kind, rows_per_call=rows_per_call, scaled=scaled
        )
        shares = {slot.number: (order[slot.number][index] + chance.random()) / count for slot in slots}
        bound: dict[int, str | None] = {}
        for low, high in pairs:
            bound[low.number], bound[high.number] = draw.pair(low, shares[low.number])
        for slot in slots:
            if slot.number not in bound:
                bound[slot.number] = draw.value(slot, shares[slot.number])
        scenarios.append(tuple(bound[slot.number] for slot in slots))
    return scenarios


def _range_pairs(slots: Sequence[Slot]) -> list[tuple[Slot, Slot]]:
    """Return (lower, upper) parameters that bound the same column, or are the two arguments of a range function."""
    sides: dict[tuple[RelationName, str, str], dict[str, Slot]] = defaultdict(dict)
    for slot in slots:
        meeting = slot.meeting
        if meeting is None or slot.column is None or slot.place is not None or slot.word is not None:
            continue
        if _RELATIVE.intersection(meeting.through) and slot.type_name != "interval":
            continue
        function = meeting.through[-1] if meeting.through else ""
        key = (meeting.relation, meeting.column, meeting.alias)
        if function in RANGE_ELEMENTS and meeting.argument < 2:
            sides[key].setdefault("low" if meeting.argument == 0 else "high", slot)
        elif meeting.operator in _LOWER:
            sides[key].setdefault("low", slot)
        elif meeting.operator in _UPPER:
            sides[key].setdefault("high", slot)
    return [
        (found["low"], found["high"])
        for found in sides.values()
        # An interval and a time bound the column too, but each in its own way.
        if len(found) == 2 and (found["low"].type_name == "interval") == (found["high"].type_name == "interval")
    ]


@dataclass
class _Draw:
    """Draws the values of one scenario."""

    values: Values
    chance: random.Random
    by_rows: bool
    kind: str
    rows_per_call: float | None
    scaled: frozenset[tuple[RelationName, str]] = frozenset()  # columns that an interval parameter meets

    def __post_init__(self) -> None:
        self.used: dict[tuple[RelationName, str], set[str | None]] = defaultdict(set)

    def value(self, slot: Slot, share: float) -> str | None:
        """Return a value for one parameter at quantile `share` (0..1)."""
        if slot.place == "offset":
            return "0"
        if slot.place is not None:
            return str(likely_limit(_told(slot, self.rows_per_call)))
        meeting, column = slot.meeting, slot.column
        relative = meeting is not None and "||" in meeting.through and "now" in meeting.through
        if slot.word is not None and not relative:
            return slot.word
        drawn = None
        if meeting is not None and column is not None:
            if slot.is_list:
                drawn = self._list(slot, share)
            elif column.is_time and (slot.type_name == "interval" or _RELATIVE.intersection(meeting.through)):
                drawn = self._before_now(slot, meeting, column, share)
            elif _is_width(meeting, column) and self.values.takes(slot.type, column):
                drawn = _fit(self._width(column, share), slot, column, meeting)
            elif self.values.takes(slot.type, column):
                drawn = _fit(self._for_column(slot, meeting, column, share), slot, column, meeting)
        if drawn is None:
            return self.values.default(slot.type)
        return drawn

    def pair(self, low: Slot, share: float) -> tuple[str | None, str | None]:
        """Return both ends of a range on one column; its width is log-uniform, on time columns it ends near now."""
        assert low.column is not None
        column = low.column
        if column.type_name in RANGE_ELEMENTS:
            return self._range_ends(column)
        width = _log_uniform(share, 0.0002, 0.2)
        end = 1 - _log_uniform(self.chance.random(), 0.001, 0.5) if column.is_time else None
        if end is None:
            end = 1 - self.chance.random() * (1 - width)
        ends = column.quantile(end - width), column.quantile(end)
        if None in ends:
            default = self.values.default(low.type)
            return default, default
        if low.type_name == "interval":
            return self._before(ends[0], column), self._before(ends[1], column)
        return ends

    def _before(self, value: str | None, column: ColumnValues) -> str | None:
        """Return how long before now a time lies, as an interval."""
        moment = to_number(value or "", column.type_name)
        return None if moment is None else f"{round(self.values.now.timestamp() - moment)} seconds"

    def _range_ends(self, column: ColumnValues) -> tuple[str, str]:
        element = RANGE_ELEMENTS[column.type_name]
        now = self.values.now.timestamp()
        if column.ranges:
            start, end = self.chance.choice(column.ranges)
            width = (end - start) * _log_uniform(self.chance.random(), 0.1, 10)
        elif element in ("timestamptz", "timestamp", "date"):
            start, width = now, _SECONDS_OF_A_DAY * _log_uniform(self.chance.random(), 0.1, 30)
        else:
            start, width = 1.0, _log_uniform(self.chance.random(), 1, 1000)
        step = _SECONDS_OF_A_DAY if element == "date" else 1.0
        return from_number(start, element), from_number(start + max(width, step), element)

    def _list(self, slot: Slot, share: float) -> str | None:
        """Return an array of distinct values, of a length among the usual ones."""
        column = slot.column
        assert column is not None
        length = _LIST_LENGTHS[min(int(share * len(_LIST_LENGTHS)), len(_LIST_LENGTHS) - 1)]
        length = min(length, max(1, int(column.distinct)))
        found: dict[str, None] = {}
        for _ in range(3 * length):
            value = column.equal(self.chance.random(), by_rows=self.by_rows, chance=self.chance)
            if value is not None:
                found[value] = None
            if len(found) == length:
                break
        for _ in range(2 * length if column.positions else 0):  # more than the histogram has bounds: between them
            if len(found) >= length:
                break
            between = column.quantile(self.chance.random())
            if between is not None:
                found[between] = None
        return array_of(list(found)) if found else None

    def _for_column(self, slot: Slot, meeting: Meeting, column: ColumnValues, share: float) -> str | None:
        operator = meeting.operator
        if operator in _LIKE:
            return self._pattern(meeting, column, share)
        if operator in _CONTAINMENT or column.type_name in RANGE_ELEMENTS:
            return self._contained(slot, meeting, column, share)
        if operator in _LOWER or operator in _UPPER:
            return column.quantile(self._one_sided(column, share, lower=operator in _LOWER))
        key = (meeting.relation, meeting.column)
        # A queue keeps its finished jobs, in most of its rows; workers ask for the others.
        finished = {value for value, share in column.frequent if share >= _MOST} if slot.pending else set()
        if self.used[key] and not column.bounds and self.chance.random() < _NO_ROWS:
            # All values that rows have are known. "Created or processing" finds what is created while nothing is being
            # processed: as many rows as naming the one state twice.
            return self.chance.choice(sorted(filter(None, self.used[key])) or [None])
        for _ in range(12 if finished else 6):
            value = column.equal(share, by_rows=self.by_rows and not finished, chance=self.chance)
            if value not in self.used[key] and value not in finished:
                break
            share = self.chance.random()
        self.used[key].add(value)
        return value

    def _one_sided(self, column: ColumnValues, share: float, *, lower: bool) -> float:
        """Return the quantile for `column > $1` or `< $1`: applications ask for the newest, deletes for the oldest."""
        if not column.is_time:
            # A little beyond both ends: `id > 0` and `price < 1000000` are common.
            reached = min(max(share * 1.2 - 0.1, 0.0), 1.0)
            return 1 - reached if lower else reached
        if lower:
            return 1 - _log_uniform(share, 0.0005, 0.5)
        if self.kind == "delete":
            return _log_uniform(share, 0.001, 0.2)
        return 1 - _log_uniform(share, 0.0001, 0.5)

    def _width(self, column: ColumnValues, share: float) -> str | None:
        """Return what is added to another value of the column: `lat between $1 and $1 + $2`."""
        if len(column.positions) < 2:
            return None
        width = (column.positions[-1] - column.positions[0]) * _log_uniform(share, 0.0002, 0.2)
        return from_number(width, column.type_name)

    def _before_now(self, slot: Slot, meeting: Meeting, column: ColumnValues, share: float) -> str | None:
        """Return what goes into `column > now() - …`: an interval, a number of units, a text before a unit."""
        if slot.type_name == "interval" and "now" not in meeting.through:
            span = column.positions[-1] - column.positions[0] if column.positions else 0.0
            width = round(span * _log_uniform(share, 0.0002, 0.2))  # the width of a window that begins at another value
            return f"{width} seconds" if width > 0 else None
        seconds = self._age(column, share, oldest=self.kind == "delete" and meeting.operator in _UPPER)
        if seconds is None or slot.word == " days":
            return slot.word
        if slot.type_name == "interval":
            return f"{seconds} seconds"
        if slot.type_name in ("timestamptz", "timestamp", "date"):
            return from_number(self.values.now.timestamp() - seconds, slot.type_name)
        if "make_interval" in meeting.through and meeting.argument < len(_INTERVAL_ARGUMENTS):
            return str(max(1, round(seconds / _INTERVAL_ARGUMENTS[meeting.argument])))
        if "*" in meeting.through and self.scaled.intersection([(meeting.relation, meeting.column)]):
            return "1"  # times an interval that is a parameter too
        return str(max(1, round(seconds / _SECONDS_OF_A_DAY)))

    def _age(self, column: ColumnValues, share: float, *, oldest: bool) -> int | None:
        """Return how many seconds before now a quantile of a time column lies: near its newest or `oldest` end."""
        if not column.positions:
            return None
        newest, first = column.positions[-1], column.positions[0]
        part = 1 - _log_uniform(share, 0.001, 0.2) if oldest else _log_uniform(share, 0.0005, 0.5)
        span = (newest - first) * part
        # Data that ended long ago is still asked for from its own end.
        return max(1, round(max(0.0, self.values.now.timestamp() - newest) + span))

    def _pattern(self, meeting: Meeting, column: ColumnValues, share: float) -> str | None:
        text = column.any_text(self.chance)
        if not text:
            return None
        if meeting.operator.endswith("~~"):
            if "||" in meeting.through:  # the statement adds the % itself
                return text[: max(3, len(text) // 2)]
            prefix = text[: max(3, int(len(text) * _log_uniform(share, 0.35, 1)))]
            return (prefix if self.by_rows else column.beside(prefix, self.chance)) + "%"
        # People type one short word, half of the text, or paste all of it; and they look for one thing, with as much of
        # its name as tells it from others.
        length = max(5, min(30, int(len(text) * _log_uniform(share, 0.1, 1))))
        start = max(0, (len(text) - length) // 2)
        middle = text[start:][:length]
        if middle and not self.by_rows:
            middle = column.beside(column.telling(text, start, length), self.chance, inside=True)
        if meeting.operator.endswith("~~*"):
            return middle if "||" in meeting.through else f"%{middle}%"
        return "".join(char if char.isalnum() else "." for char in middle)

    def _contained(self, slot: Slot, meeting: Meeting, column: ColumnValues, share: float) -> str | None:
        if column.type_name in ("jsonb", "json"):
            return column.document_path(self.chance) if slot.type_name in ("jsonb", "json") else None
        if column.type_name in RANGE_ELEMENTS:
            low, high = self._range_ends(column)
            if slot.type_name in RANGE_ELEMENTS:
                return f"[{low},{high})"
            return low if slot.type_name == RANGE_ELEMENTS[column.type_name] else None
        element = column.element(share, by_rows=self.by_rows)
        if element is None:
            if column.type_name == "text" or not column.elements:
                return self._word(column, slot)
            return None
        if slot.type_name.startswith("_"):
            return array_of([element])
        if column.type_name != "tsvector":
            return element
        words = dict.fromkeys([element])
        for _ in range(self.chance.choice(_MORE_WORDS)):
            words.setdefault(column.element(self.chance.random(), by_rows=self.by_rows) or element)
        if slot.type_name == "tsquery":
            return " & ".join("'" + word.replace("'", "''") + "'" for word in words)
        return (" & " if "to_tsquery" in meeting.through else " ").join(words)

    def _word(self, column: ColumnValues, slot: Slot) -> str | None:
        """Return a word of a text column, for full-text conditions over to_tsvector(column)."""
        if column.type_name not in ("text", "varchar", "bpchar", "citext") or slot.type_name.startswith("_"):
            return None
        words = (column.any_text(self.chance) or "").split()
        return "".join(char for char in self.chance.choice(words) if char.isalnum()) or None if words else None


def _is_width(meeting: Meeting, column: ColumnValues) -> bool:
    """Return whether a parameter is added to something that is compared with a column of numbers."""
    return not column.is_time and meeting.argument == 1 and meeting.through[-1:] in (("+",), ("-",))


def _told(slot: Slot, rows_per_call: float | None) -> float | None:
    """Return the rows per call as far as they tell a LIMIT: one document may hold all the rows of a subquery."""
    one = rows_per_call is not None and rows_per_call <= 1
    return None if one and slot.place == "inner limit" else rows_per_call


def likely_limit(rows_per_call: float | None) -> int:
    """Return the usual LIMIT that explains the rows a call returned.

    Calls that find nothing most of the time (searches) tell no limit; "the latest one" finds it nearly always.

    >>> likely_limit(19.7), likely_limit(0.97), likely_limit(0.3), likely_limit(None)
    (20, 1, 20, 20)
    """
    if rows_per_call is None or rows_per_call < _NEARLY_ALWAYS:
        return _DEFAULT_LIMIT
    return next((limit for limit in _LIMITS if rows_per_call <= limit * 1.02), round(rows_per_call))


def _fit(value: str | None, slot: Slot, column: ColumnValues, meeting: Meeting) -> str | None:
    """Make a column's value one of the parameter's type: lower case for lower(column), whole for integers."""
    if value is None:
        return None
    if meeting.around and meeting.around[-1] in ("lower", "upper"):
        value = value.lower() if meeting.around[-1] == "lower" else value.upper()
    if slot.type_name in ("int2", "int4", "int8") and column.type_name in ("numeric", "float4", "float8"):
        try:
            return str(round(float(value)))
        except (ValueError, OverflowError):
            return None
    return value


def _log_uniform(share: float, low: float, high: float) -> float:
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def default_scenario(slots: Sequence[Slot], values: Values, rows_per_call: float | None) -> Scenario:
    """Return plausible values by type alone."""
    found: list[Any] = []
    for slot in slots:
        if slot.word is not None:
            found.append(slot.word)
        elif slot.place is not None:
            found.append("0" if slot.place == "offset" else str(likely_limit(_told(slot, rows_per_call))))
        else:
            found.append(values.default(slot.type))
    return tuple(found)
