"""Runs the rules' own queries; their rows travel in the snapshot as `facts`."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from advisor.collect.reader import Reader
from advisor.model.needs import extension_problem
from advisor.rulebook import Rule

_EXTENSIONS = """
-- one row: an extension installed in this database
select extname::text as name, extversion as version from pg_catalog.pg_extension order by 1
"""


def collect_facts(reader: Reader, rules: Iterable[Rule]) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return the rows of each rule's query by rule id, values JSON-able.

    A rule whose query does not fit this server (major, extension) or is refused has no entry, which is different from
    an entry without rows; a refusal also leaves a gap named `rule <id>` in the reader.
    """
    wanted = [rule for rule in rules if rule.queries]
    if not wanted:
        return {}
    installed = {
        row["name"]: row["version"] for row in reader.dicts(_EXTENSIONS, name="facts.extensions", what="extensions")
    }
    found: dict[str, tuple[dict[str, Any], ...]] = {}
    for rule in wanted:
        query = rule.query(reader.major)
        if query is None or not _fits(rule, reader.major, installed):
            continue
        gaps = len(reader.gaps)
        rows = reader.dicts(
            query, name=f"rule {rule.id}", what=f"rule {rule.id}", costs=f"The rule '{rule.title}' is skipped."
        )
        if len(reader.gaps) == gaps:
            found[rule.id] = tuple({name: _plain(value) for name, value in row.items()} for row in rows)
    return found


def _fits(rule: Rule, major: int, installed: Mapping[str, str]) -> bool:
    needs = rule.needs
    return (
        (needs.min_major is None or major >= needs.min_major)
        and (needs.max_major is None or major <= needs.max_major)
        and all(extension_problem(wanted, installed) is None for wanted in needs.extensions)
    )


def _plain(value: Any) -> Any:
    """Return the value as JSON has it, so that a rule sees the same from a server and from a snapshot file."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date | uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return str(value)
