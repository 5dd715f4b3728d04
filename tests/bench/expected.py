"""An administrator's list for an application (fixtures/expected/*.toml) and how far the advice meets it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pglast
from pglast import ast
from pglast.stream import RawStream

from advisor.model.report import IndexProposal


@dataclass(frozen=True, slots=True)
class Key:
    """An index as far as it matters for the comparison: `columns` in plain spelling, `predicate` likewise."""

    table: str
    method: str
    columns: tuple[str, ...]
    included: tuple[str, ...] = ()
    predicate: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An index of the list: its DDL, and the key beginnings that do the same work."""

    ddl: str
    key: Key
    beginnings: tuple[tuple[str, ...], ...]
    constants: bool  # its predicate cannot be seen in pg_stat_statements
    reason: str


@dataclass(frozen=True, slots=True)
class Never:
    """Columns that no new index of the table may hold, or (`alone`) that may not be its only key."""

    table: str
    columns: tuple[str, ...]
    alone: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The list of one application."""

    listed: tuple[Listed, ...]
    never: tuple[Never, ...]
    drops: tuple[str, ...] = ()  # existing indexes the list drops, as SQL names them

    @property
    def script(self) -> tuple[str, ...]:
        """The list as statements."""
        return (*(one.ddl for one in self.listed), *(f"drop index {name}" for name in self.drops))


def read_expected(path: Path) -> Expected:
    """Return the list of a file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    listed = []
    for entry in data["index"]:
        key = key_of(entry["ddl"])
        listed.append(
            Listed(
                ddl=entry["ddl"],
                key=key,
                beginnings=(key.columns, *(tuple(one) for one in entry.get("or", ()))),
                constants=entry.get("constants", False),
                reason=entry["reason"],
            )
        )
    never = [
        Never(entry["table"], tuple(entry["columns"]), entry.get("alone", False), entry["reason"])
        for entry in data.get("never", ())
    ]
    return Expected(tuple(listed), tuple(never), tuple(entry["index"] for entry in data.get("drop", ())))


def key_of(ddl: str) -> Key:
    """Return what an index statement creates.

    >>> key_of("create index on users (lower(email), id desc) where not banned")
    Key(table='users', method='btree', columns=('lower(email)', 'id'), included=(), predicate='NOT banned')
    """
    statement = pglast.parse_sql(ddl)[0].stmt
    assert isinstance(statement, ast.IndexStmt)
    return Key(
        table=statement.relation.relname,
        method=statement.accessMethod,
        columns=tuple(_text(element) for element in statement.indexParams),
        included=tuple(element.name for element in statement.indexIncludingParams or ()),
        predicate=RawStream()(statement.whereClause) if statement.whereClause is not None else "",
    )


def _text(element: ast.IndexElem) -> str:
    return str(element.name) if element.name is not None else str(RawStream()(element.expr))


def keys_of(proposals: Iterable[IndexProposal]) -> list[Key]:
    """Return the proposed indexes; of a partitioned table's script the parent's."""
    return [key_of(proposal.ddl.partition(";\n")[0]) for proposal in proposals]


def missing(expected: Expected, found: Sequence[Key]) -> list[Listed]:
    """Return the listed indexes that no proposal does the work of by its key."""
    return [one for one in expected.listed if not any(_does_the_work(key, one) for key in found)]


def _does_the_work(key: Key, one: Listed) -> bool:
    if key.table != one.key.table or ("gin" in (key.method, one.key.method) and key.method != one.key.method):
        return False
    named = set(re.findall(r"\w+", key.predicate))
    return any(
        key.columns[: len(beginning)] == beginning
        # A key without the constants that the predicate holds does the same.
        or (set(beginning) <= {*key.columns, *named} and key.columns[:1] == beginning[:1])
        or (len(beginning) == 1 and beginning[0] in named)
        for beginning in one.beginnings
    )


def harmful(expected: Expected, found: Sequence[Key]) -> list[tuple[Key, Never]]:
    """Return the proposals that the list forbids, with the entry that does."""
    hits = []
    for key in found:
        held = {*key.columns, *key.included, *re.findall(r"\w+", " ".join((*key.columns, key.predicate)))}
        for one in expected.never:
            alone = len(key.columns) == 1 and key.columns[0] in one.columns and not key.predicate
            if key.table == one.table and (alone if one.alone else held & set(one.columns)):
                hits.append((key, one))
    return hits
