"""What a statement did to relations that were there before: locks held, files written anew, things dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.model.names import RelationName

MODES = {
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
STRENGTH = {mode: number for number, mode in enumerate(MODES.values())}
# Committed relations only: what the transaction itself created is invisible to the session that asks.
_LOCKS = """
select n.nspname, c.relname, c.relkind, l.mode
from pg_catalog.pg_locks l
join pg_catalog.pg_class c on c.oid = l.relation
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = %s and l.locktype = 'relation' and l.granted and c.oid >= 16384 and n.nspname !~ '^pg_'
  and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and l.mode = any (%s)
"""
_FILES = b"""
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::pg_catalog.text, c.relfilenode::pg_catalog.int8,
  (select i.indrelid::pg_catalog.int8 from pg_catalog.pg_index i where i.indexrelid = c.oid)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'm', 'p', 'i', 'I') and n.nspname !~ '^pg_'
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or index at one moment; `file` is 0 where it has no storage."""

    name: RelationName
    kind: str
    file: int
    table: int | None  # OID of an index's table


def read_relations(connection: psycopg.Connection[Any]) -> dict[int, Relation]:
    """Return the relations by OID, as the session sees them (its own uncommitted changes too)."""
    # Bytes: no parameters, no type look-ups, nothing the migration may have put on the search_path.
    result = connection.pgconn.exec_(_FILES)
    found: dict[int, Relation] = {}
    for row in range(result.ntuples):
        oid, schema, name, kind, file, table = (result.get_value(row, column) for column in range(6))
        found[int(oid or 0)] = Relation(
            RelationName((schema or b"").decode("utf-8", "replace"), (name or b"").decode("utf-8", "replace")),
            (kind or b"").decode(),
            int(file or 0),
            int(table) if table is not None else None,
        )
    return found


def read_locks(watcher: psycopg.Connection[Any], pid: int) -> dict[RelationName, str]:
    """Return the strongest lock that the session `pid` holds on each relation that existed before its transaction."""
    held: dict[RelationName, str] = {}
    for schema, name, _, mode in watcher.execute(_LOCKS, (pid, list(MODES))):
        relation, mode = RelationName(schema, name), MODES[mode]
        if relation not in held or STRENGTH[held[relation]] < STRENGTH[mode]:
            held[relation] = mode
    return held
