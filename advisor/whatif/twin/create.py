"""Creates the objects of a schema one by one; what cannot be created is tried again, then in poorer forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.schema import Item
from advisor.workload.session import ParseError

_BATCH = 40  # statements sent together; one that fails sends its batch again one by one
# The object is there already: it came with an extension, a partition or an inherited table.
_ALREADY = frozenset({"42P07", "42710", "42723", "42P06", "42701", "42P16"})
_NOT_PERMITTED = "42501"
# Their creation runs no code of theirs, and some of it (base types, operator classes, roles) takes a superuser.
_BY_SUPERUSER = frozenset(
    {"type", "domain", "function", "aggregate", "cast", "operator", "opclass", "text", "foreign", "collation", "role",
     "privileges"}
)  # fmt: skip


class Creator:
    """Creates objects as the role that shall own them, and by a superuser what only that may create."""

    def __init__(self, owner: psycopg.Connection[Any], superuser: psycopg.Connection[Any]) -> None:
        self._owner = PlanningSession(owner)
        self._superuser = PlanningSession(superuser)

    def execute(self, statement: str, kind: str = "") -> ParseError | None:
        """Run one statement (or several, for no kind); return what the server said against it."""
        refused = self._owner.execute(statement)
        if refused is not None and refused.sqlstate == _NOT_PERMITTED and kind in _BY_SUPERUSER:
            return self._superuser.execute(statement)
        return refused


def execute_items(
    owner: psycopg.Connection[Any],
    items: Sequence[Item],
    advance: Any = lambda amount=1: None,
    *,
    superuser: psycopg.Connection[Any],
) -> list[str]:
    """Create the items; those that fail are tried again while others still succeed, then as their fallbacks.

    Returns one line for each that is missing or poorer than production's.
    """
    session = Creator(owner, superuser)
    failed = _one_pass(session, items, advance)
    while failed:
        again = _one_pass(session, [item for item, _ in failed], lambda amount=1: None)
        if len(again) == len(failed):
            break
        failed = again
    lines: list[str] = []
    while True:
        found = _poorer_of_one_kind(session, failed)
        if not found:
            break
        lines += found.values()
        # What depended on them may work now, whole.
        done = set(found)
        failed = _one_pass(session, [item for item, _ in failed if item not in done], lambda amount=1: None)
    absent = {f'relation "{item.label.partition(" ")[2]}" does not exist' for item, _ in failed}
    # A table that is missing takes its keys and indexes with it; it is named once.
    return lines + [
        f"{item.label}: {message}"
        for item, message in failed
        if message.replace('"', "") not in {text.replace('"', "") for text in absent}
    ]


def _poorer_of_one_kind(session: Creator, failed: Sequence[tuple[Item, str]]) -> dict[Item, str]:
    """Create the items of the first kind that has a poorer form which works; return each with what is lost.

    One kind at a time: a table must not lose its expressions because a collation had yet to be replaced.
    """
    found: dict[Item, str] = {}
    kind: str | None = None
    for item, message in failed:
        own = item.label.partition(" ")[0]
        if kind not in (None, own):
            continue
        for statement, loss in item.fallbacks:
            if session.execute(statement, own) is None:
                found[item], kind = f"{item.label}: {loss} ({message})", own
                break
    return found


def _one_pass(session: Creator, items: Sequence[Item], advance: Any) -> list[tuple[Item, str]]:
    failed: list[tuple[Item, str]] = []
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        if len(batch) == 1 or session.execute(";\n".join(item.sql for item in batch)) is not None:
            for item in batch:
                refused = session.execute(item.sql, item.label.partition(" ")[0])
                if refused is not None and refused.sqlstate not in _ALREADY:
                    failed.append((item, refused.message))
        advance(len(batch))
    return failed
