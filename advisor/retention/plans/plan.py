"""The shape of every script, and names that are still free."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.fill import Ident, Trusted, fill

# NAMEDATALEN - 1, in bytes.
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Statements to run one by one, outside a transaction block; `notes` are sentences for people."""

    sql: tuple[str, ...] = ()
    undo_sql: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()  # one per statement, where given
    times: tuple[str, ...] = ()  # likewise


def shorten(name: str, limit: int = _LONGEST_NAME) -> str:
    """Return `name` cut to `limit` bytes without cutting a character."""
    return name.encode()[:limit].decode(errors="ignore")


def free_name(schema: str, base: str, suffix: str, catalog: Catalog, avoid: Collection[str] = ()) -> str:
    """Return `base` + `suffix` within PostgreSQL's length, numbered when the schema or `avoid` already has it."""
    taken = _taken(catalog)
    for number in ("", *(str(n) for n in range(2, 100))):
        end = suffix + number
        name = shorten(base, _LONGEST_NAME - len(end.encode())) + end
        if name not in avoid and RelationName(schema, name) not in taken:
            return name
    raise ValueError(f"no free name like {base}{suffix} in {schema}")


@lru_cache(maxsize=1)
def _taken(catalog: Catalog) -> frozenset[RelationName]:
    """Return all relation names; kept for the one catalog that is being judged."""
    return frozenset(
        set(catalog.tables)
        | {index.relation for index in catalog.snapshot.indexes}
        | {RelationName(s.schema, s.name) for s in catalog.snapshot.sequences}
    )


def index_statements(table: RelationName, columns: tuple[str, ...], catalog: Catalog) -> tuple[str, str]:
    """Return (create, drop) of an index on `columns`, built without blocking writes."""
    name = free_name(table.schema, shorten("_".join((table.name, *columns)), 55), "_idx", catalog)
    listed = Trusted(", ".join(fill("{c}", c=Ident(c)) for c in columns))
    return (
        fill("CREATE INDEX CONCURRENTLY IF NOT EXISTS {i} ON {t} ({columns})", i=Ident(name), t=table, columns=listed),
        fill("DROP INDEX CONCURRENTLY {i}", i=RelationName(table.schema, name)),
    )
