"""Reads pg_stat_statements, whatever state it is in, and says what is missing and how to get it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState, QueryCanceled

from advisor.collect.privileges import role_of
from advisor.collect.reader import OWN_MARK, Reader, why
from advisor.model.activity import StatementCounters, StatementsView
from advisor.model.names import quote_ident
from advisor.model.redaction import mask_secrets
from advisor.model.server import Extension, Setting
from advisor.model.snapshot import Gap
from advisor.resources import sql_text

_NAME = "pg_stat_statements"
_FILE = "extensions/pg_stat_statements"
_STATE_FILE = "extensions/pg_stat_statements_state"
_FOREIGN_FILE = "extensions/pg_stat_statements_foreign"
# Characters of one text; longer ones are cut and then count as truncated. A statement of a megabyte is a bulk load.
TEXT_LIMIT = 1_000_000
# Bytes of all texts together, dearest statements first: bounds our memory whatever pg_stat_statements.max is.
TOTAL_LIMIT = 64 << 20
_OLDEST_MINOR = 8  # extension 1.8, of PostgreSQL 13
_COSTS = "the workload is unknown: no index is proposed from it and no statement is listed"
_COMMAND_OF_DATA = re.compile(r"\s*\(*\s*(?:select|insert|update|delete|merge|with|values|table|call)\b", re.IGNORECASE)
# Texts that cannot be had as text: damaged file, bytes of another encoding, NUL.
_DAMAGED = ("22021", "22P05", "XX001", "XX002", "54000", "53200")


def collect_statements(
    reader: Reader, extensions: Sequence[Extension], settings: Sequence[Setting]
) -> tuple[StatementsView, tuple[StatementCounters, ...]]:
    """Return the state of pg_stat_statements and this database's rows, the dearest first."""
    extension = next((e for e in extensions if e.name == _NAME and e.version is not None), None)
    maximum = next((s for s in settings if s.name == "pg_stat_statements.max"), None)
    # A name that only somebody's SET has invented is a string; the loaded module declares an integer.
    loaded = maximum is not None and maximum.vartype == "integer"
    if extension is None or extension.version is None:
        reader.gaps.append(_absent(reader, extensions, loaded))
        return StatementsView(status="absent"), ()
    minor = _minor(extension.version)
    if minor < _OLDEST_MINOR:
        reader.gaps.append(
            Gap(
                what=_NAME,
                why=f"its objects in this database are of version {extension.version}, from before PostgreSQL 13",
                fix=f"ALTER EXTENSION {_NAME} UPDATE;",
                costs=_COSTS,
            )
        )
        return StatementsView(status="failed", extension_version=extension.version, schema=extension.schema), ()
    schema = quote_ident(extension.schema or "public")
    with _schema_on_path(reader, schema):
        status, rows = _read(reader, minor, schema)
        state = reader.attempt(sql_text(_STATE_FILE, minor), name=_STATE_FILE) if rows is not None else ()
    facts: Mapping[str, Any] = state[0] if not isinstance(state, psycopg.Error) and state else {}
    found = rows or ()
    view = StatementsView(
        status=status,
        extension_version=extension.version,
        schema=extension.schema,
        dealloc=facts.get("dealloc"),
        stats_reset=facts.get("stats_reset"),
        max_entries=int(maximum.setting) if loaded and maximum is not None and maximum.setting else None,
        entries=facts.get("entries"),
        entries_other_databases=facts.get("entries_other_databases"),
        texts_hidden=sum(row["text_state"] == "hidden" for row in found),
    )
    _tell_of_texts(reader, found)
    bare = [
        {name: value for name, value in row.items() if name != "text_state"} | {"query": mask_secrets(row["query"])}
        for row in found
    ]
    return view, reader.convert(bare, StatementCounters, what=_NAME, costs=_COSTS)


def _minor(version: str) -> int:
    """Return 10 for '1.10'; the newest known for a later major version."""
    major, _, minor = version.partition(".")
    digits = minor.partition(".")[0]
    return int(digits) if major == "1" and digits.isdigit() else (99 if major.isdigit() and int(major) > 1 else 0)


@contextlib.contextmanager
def _schema_on_path(reader: Reader, schema: str) -> Any:
    """Make the extension's schema the search path of one transaction, so that the SQL files need not name it."""
    with reader.connection.transaction(force_rollback=True):
        reader.connection.execute("select /* pgadvise */ pg_catalog.set_config('search_path', %s, true)", [schema])
        yield


def _read(reader: Reader, minor: int, schema: str) -> tuple[str, Sequence[dict[str, Any]] | None]:
    """Return (status, rows); rows are None when nothing could be read, which leaves a gap."""
    query = sql_text(_FILE, minor)
    params = {"text_limit": TEXT_LIMIT, "total_limit": TOTAL_LIMIT, "with_texts": True}
    answer = reader.attempt(query, name=_FILE, params=params)
    if not isinstance(answer, psycopg.Error):
        return _judge_texts(reader, answer, schema), answer
    damaged = (answer.sqlstate or "") in _DAMAGED or isinstance(answer, psycopg.DataError)
    if damaged or isinstance(answer, QueryCanceled):
        counters = reader.attempt(query, name=_FILE, params=params | {"with_texts": False})
        if not isinstance(counters, psycopg.Error):
            reader.gaps.append(_without_texts(reader, why(answer), schema, damaged=damaged))
            return "damaged" if damaged else "failed", counters
        answer = counters
    if isinstance(answer, ObjectNotInPrerequisiteState):
        reader.gaps.append(_not_preloaded())
        return "not_preloaded", None
    if isinstance(answer, InsufficientPrivilege):
        reader.gaps.append(
            Gap(what=_NAME, why=why(answer), fix=f"GRANT pg_monitor TO {role_of(reader)};", costs=_COSTS)
            if "schema" not in why(answer)
            else Gap(what=_NAME, why=why(answer), fix=_grant_usage(reader, why(answer)), costs=_COSTS)
        )
        return "no_privilege", None
    reader.gaps.append(Gap(what=_NAME, why=why(answer), costs=_COSTS))
    return "failed", None


def _grant_usage(reader: Reader, refusal: str) -> str:
    schema = refusal.rpartition("schema ")[2].strip().strip('"')
    return f"GRANT USAGE ON SCHEMA {quote_ident(schema)} TO {role_of(reader)};"


def _judge_texts(reader: Reader, rows: Sequence[Mapping[str, Any]], schema: str) -> str:
    """Return ok, no_privilege or damaged by what became of the texts."""
    states = {row["text_state"] for row in rows}
    if "hidden" in states and not any(_of_an_application(row["query"]) for row in rows):
        return "no_privilege"
    if "missing" in states and states <= {"missing", "hidden"}:
        reason = "the server gives counters without texts"
        reader.gaps.append(_without_texts(reader, reason, schema, damaged=True))
        return "damaged"
    return "ok"


def _of_an_application(query: str | None) -> bool:
    """Return whether a visible text is more than our own queries and transaction control."""
    return query is not None and OWN_MARK not in query and _COMMAND_OF_DATA.match(query) is not None


def _tell_of_texts(reader: Reader, rows: Sequence[Mapping[str, Any]]) -> None:
    states = [row["text_state"] for row in rows]
    hidden, left_out, cut = (states.count(state) for state in ("hidden", "left out", "cut"))
    if hidden:
        reader.gaps.append(
            Gap(
                what=f"texts of {hidden} of {len(rows)} statements in {_NAME}",
                why="the role sees the texts of its own statements only",
                fix=f"GRANT pg_read_all_stats TO {role_of(reader)};",
                costs="these statements cannot be planned and get no index",
            )
        )
    if left_out:
        reader.gaps.append(
            Gap(
                what=f"texts of {left_out} of {len(rows)} statements in {_NAME}",
                why=f"only the first {TOTAL_LIMIT >> 20} MB of texts are read, dearest statements first",
                costs="these statements, the cheapest, cannot be planned",
            )
        )
    if cut:
        reader.gaps.append(
            Gap(
                what=f"the rest of {cut} text{'' if cut == 1 else 's'} in {_NAME}",
                why=f"texts are read up to {TEXT_LIMIT:,} characters",
                costs="these statements are listed and not planned",
            )
        )


def _absent(reader: Reader, extensions: Sequence[Extension], loaded: bool) -> Gap:
    available = any(e.name == _NAME for e in extensions)
    if loaded:
        return Gap(
            what=_NAME,
            why="the module is loaded and counts every database, but its view was created in another database or"
            " in none, and from this database nothing of it can be read",
            fix=f"CREATE EXTENSION {_NAME};",
            costs=_COSTS + "; what was counted so far becomes visible at once",
        )
    return Gap(
        what=_NAME,
        why="the extension is not installed in this database, and the module is not loaded either"
        if available
        else "the extension is neither installed here nor available on the server",
        fix=(
            f"add {_NAME} to shared_preload_libraries, restart the server, CREATE EXTENSION {_NAME};"
            if available
            else "install the package postgresql-contrib on the server, preload the module, restart,"
            f" CREATE EXTENSION {_NAME};"
        ),
        costs=_COSTS,
    )


def _not_preloaded() -> Gap:
    return Gap(
        what=_NAME,
        why="the extension is installed in this database, but its module is not loaded by the server",
        fix=f"add {_NAME} to shared_preload_libraries and restart the server; it counts from then on",
        costs=_COSTS,
    )


def _without_texts(reader: Reader, reason: str, schema: str, *, damaged: bool) -> Gap:
    costs = "counters are read without texts: no statement can be planned and no index proposed from them"
    if not damaged:
        fix = "ALTER SYSTEM SET pg_stat_statements.max = 2000; -- takes a restart; fewer texts are read faster"
        return Gap(what=f"texts in {_NAME}", why=reason, fix=fix, costs=costs)
    # One text with bytes that are none in our encoding makes the server refuse all texts, whosever it is.
    others = reader.dicts(sql_text(_FOREIGN_FILE), name=_FOREIGN_FILE, what=f"encodings in {_NAME}")
    if others:
        names = ", ".join(row["database"] or "a dropped database" for row in others)
        resets = " ".join(f"SELECT {schema}.pg_stat_statements_reset(0, {row['dbid']}, 0);" for row in others)
        return Gap(
            what=f"texts in {_NAME}",
            why=f"{reason}; statements of databases in another encoding ({names}) are the likely cause",
            fix=f"{resets} -- forgets the statements of those databases",
            costs=costs,
        )
    return Gap(
        what=f"texts in {_NAME}",
        why=f"{reason}; its file of texts is damaged",
        fix=f"SELECT {schema}.pg_stat_statements_reset(); -- forgets all counters and starts a new file",
        costs=costs,
    )
