"""Which column says how old a row is, by score; two that score alike are a question for the owner."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from advisor.model.arrays import parse_array
from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.retention.detect import is_epoch_type, is_time, snake
from advisor.retention.moments import epoch_unit_of
from advisor.retention.vocabulary import words

_EVENT = words(
    "created_at created inserted_at recorded_at captured_at event_time occurred_at logged_at timestamp ts time date"
    " created_on create_time created_time creation_date date_created createdat event_at event_date measured_at"
    " sampled_at received_at sent_at at datetime date_time log_time logged_on started_at recorded_on tracked_at"
    " gps_time location_time fix_time reported_at observed_at device_time notified_at"
)
_EXPIRY = re.compile(
    r"^(expire|expires|expired|expiry|expiration|valid_until|valid_to)(_?(at|date|time|on|ts|timestamp))?$"
)
_LATER = re.compile(
    r"^(updated|modified|changed|deleted|read|seen|opened|viewed|delivered|processed|archived|synced|ended|closed|clicked|acknowledged|dismissed)(_?(at|on|time))?$|^last_|^update|^birth|^due|^date_of_birth|^dob$|^valid_from"
)
_ACTIVITY = re.compile(
    r"^last_?(activity|seen|accessed|access|used|active|ping|heartbeat|request)(_?(at|time|on|ts))?$"
)
# Session stores write the row at every use: the last change is the last use where no column says so better.
_TOUCHED = re.compile(r"^(updated|modified|changed|touched)(_?(at|on|time|ts))?$")
_EPOCH_NAME = re.compile(
    r"(_at|_time|_ts|_epoch|_ms|_us|timestamp|epoch|last_activity|expires?|^ts|^time|created|date)$"
)
_CLOCK_DEFAULT = re.compile(
    r"\b(now|current_timestamp|transaction_timestamp|statement_timestamp|clock_timestamp|current_date|localtimestamp)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that could say how old a row is."""

    column: Column
    score: int
    basis: str  # event, expiry, updated
    unit: str | None  # of an epoch number
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The column chosen; `rivals` scored as high, `problem` says why there is none."""

    candidate: Candidate | None
    rivals: tuple[Candidate, ...] = ()
    problem: str | None = None


def choose_time_column(
    table: Table,
    catalog: Catalog,
    *,
    declared: str | None = None,
    basis: str | None = None,
    unit: str | None = None,
    for_sessions: bool = False,
) -> Choice:
    """Return the table's time column: the declared one, the key of its range partitions, or the best by score."""
    columns = catalog.columns.get(table.relation, {})
    if declared is not None:
        column = columns.get(declared) or columns.get(declared.lower())
        if column is None:
            return Choice(None, problem=f'the policy names the time column "{declared}", which the table does not have')
        if not is_time(column) and not is_epoch_type(column):
            return Choice(
                None, problem=f'the time column "{column.name}" has the type {column.type}, which is not a time'
            )
        found = Candidate(
            column, 100, basis or _basis(column), unit or _unit(column, catalog), ("declared in the policy",)
        )
        return Choice(found, problem=_unit_problem(found))
    scored = [c for column in columns.values() if (c := _score(column, table, catalog)) is not None]
    if basis is not None:
        fitting = [c for c in scored if (c.basis == "expiry") == (basis == "expiry")]
        scored = fitting or scored
    if for_sessions:
        # A session is over when it says so, else when nobody used it any more; its beginning tells neither.
        expiring = [c for c in scored if c.basis == "expiry"]
        used = [replace(c, score=c.score + 6) for c in scored if _ACTIVITY.match(snake(c.column.name))]
        touched = [replace(c, score=c.score + 6) for c in scored if _TOUCHED.match(snake(c.column.name))]
        scored = expiring or used or touched or scored
    scored.sort(key=lambda c: (-c.score, c.column.attnum))
    if not scored:
        return Choice(None, problem="no column looks like the time of the row")
    best = scored[0]
    if unit is not None and best.unit is not None:
        best = Candidate(best.column, best.score, best.basis, unit, best.reasons)
    rivals = tuple(c for c in scored[1:] if c.score == best.score and c.basis == best.basis)
    if best.score < 3:
        return Choice(None, rivals=(best, *rivals), problem="no column is clearly the time of the row")
    return Choice(best, rivals, _unit_problem(best))


def _key(table: Table, catalog: Catalog) -> tuple[str, ...]:
    """Return the columns of the table's primary key."""
    constraints = catalog.constraints_by_table.get(table.relation, ())
    return next((c.columns for c in constraints if c.type == "p"), ())


def _unit_problem(candidate: Candidate) -> str | None:
    if is_time(candidate.column) or candidate.unit is not None:
        return None
    return (
        f'"{candidate.column.name}" is a number and nothing tells its unit; say epoch = "s", "ms" or "us" in the policy'
    )


def _basis(column: Column) -> str:
    name = snake(column.name)
    if _EXPIRY.match(name):
        return "expiry"
    return "updated" if _LATER.search(name) else "event"


def _unit(column: Column, catalog: Catalog) -> str | None:
    """Return the unit of an epoch column by the magnitude of its values, else by type or name."""
    if is_time(column):
        return None
    values = _known_values(column, catalog)
    units = {epoch_unit_of(v) for v in values}
    if values:
        return units.pop() if len(units) == 1 else None
    name = snake(column.name)
    for unit in ("ms", "us", "ns"):
        if name.endswith("_" + unit):
            return unit
    # A 32-bit number can only hold seconds.
    return "s" if column.base_type.name == "int4" and _EPOCH_NAME.search(name) else None


def _known_values(column: Column, catalog: Catalog) -> list[float]:
    row = catalog.statistics(column.table, column.name)
    if row is None:
        return []
    texts = [t for t in (*parse_array(row.histogram_bounds), *parse_array(row.most_common_vals)) if t is not None]
    found: list[float] = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if number != 0:  # zero is many an application's NULL
            found.append(number)
    return found


def _score(column: Column, table: Table, catalog: Catalog) -> Candidate | None:
    name = snake(column.name)
    reasons: list[str] = []
    unit: str | None = None
    score = 0
    if is_time(column):
        score += 3
        reasons.append(column.type)
    elif is_epoch_type(column) and (_EPOCH_NAME.search(name) or name in _EVENT):
        unit = _unit(column, catalog)
        score += 1
        reasons.append("a number named like a time" if unit is None else f"epoch number in {unit}")
        if unit is not None and _known_values(column, catalog):
            score += 1
    else:
        return None
    if table.partition_strategy == "r" and table.partition_key_columns[:1] == (column.name,):
        return Candidate(column, 100, _basis(column), unit or _unit(column, catalog), ("key of the range partitions",))
    if column.default is not None and _CLOCK_DEFAULT.search(column.default):
        score += 3
        reasons.append("filled with the clock")
    if column.not_null:
        score += 1
        reasons.append("never null")
    basis = _basis(column)
    if name in _EVENT or basis == "expiry":
        score += 3
        reasons.append("name")
    elif basis == "updated":
        score -= 3
        reasons.append("name of a later change")
    statistics = catalog.statistics(table.relation, column.name)
    if statistics is not None and statistics.correlation is not None and abs(statistics.correlation) > 0.9:
        score += 2
        reasons.append("grows with the table")
    if column.not_null and basis != "expiry" and column.name in _key(table, catalog):
        # A later change would change the key of the row.
        score += 6 if basis == "updated" else 1
        basis = "event"
        reasons.append("part of the key")
    leading = any(
        index.columns and index.columns[0].column == column.name
        for index in catalog.indexes_by_table.get(table.relation, ())
    )
    if leading:
        score += 1
        reasons.append("leads an index")
    return Candidate(column, score, basis, unit, tuple(reasons))
