"""Under which search_path does a statement run? The role's or database's configured one, or the one that fits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName

_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(?:,|$)')
_BOOT = '"$user", public'
_SYSTEM = frozenset(["pg_catalog", "information_schema", "pg_toast"])
# One text can belong to very many schemas (one per tenant); the largest stand for all.
_MOST_SCHEMAS = 4

Names = Sequence[tuple[str | None, str]]


class SearchPaths:
    """Resolves names of relations under the paths this database is configured with."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._snapshot = catalog.snapshot

    @cached_property
    def _schemas_by_name(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for relation in self._catalog.tables:
            found[relation.name].add(relation.schema)
        return dict(found)

    @cached_property
    def _schemas(self) -> set[str]:
        return {schema.name for schema in self._snapshot.schemas} | {
            relation.schema for relation in self._catalog.tables
        }

    @cached_property
    def _pages(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for table in self._snapshot.tables:
            found[table.schema] += table.relpages
        return dict(found)

    def configured(self, role: str | None) -> tuple[str, ...]:
        """Return a role's path in this database: its own there, its own anywhere, the database's, the server's."""
        database = self._snapshot.server.database
        best, rank = self._server_wide(), 0
        for item in self._snapshot.role_settings:
            if item.name != "search_path":
                continue
            mine = item.role is not None and item.role == role
            here = item.database is not None and item.database == database
            if (item.role is not None and not mine) or (item.database is not None and not here):
                continue
            order = 2 * mine + here
            if order >= rank:
                best, rank = item.value, order
        return tuple(dict.fromkeys(self._expand(split_path(best), role)))

    def _server_wide(self) -> str:
        setting = self._snapshot.setting("search_path")
        if setting is None or setting.source in ("session", "client", "user", "database", "database user", "override"):
            return (setting.boot_val if setting is not None else None) or _BOOT
        return setting.setting if setting.setting is not None else _BOOT

    def _expand(self, items: Sequence[str], role: str | None) -> list[str]:
        expanded = [role if item == "$user" else item for item in items]
        return [item for item in expanded if item is not None and (item in self._schemas or item in _SYSTEM)]

    def resolve(self, names: Names, path: Sequence[str]) -> tuple[RelationName, ...]:
        """Return the catalog's relations among `names` under `path`, in order."""
        found: dict[RelationName, None] = {}
        for schema, name in names:
            for candidate in (schema,) if schema is not None else path:
                relation = RelationName(candidate, name)
                if relation in self._catalog.tables:
                    found[relation] = None
                    break
        return tuple(found)

    def fitting(self, names: Names, role: str | None) -> tuple[tuple[str, ...], ...]:
        """Return the paths to plan under: the configured one if it finds every relation, else those that do.

        Several schemas may have all the relations; the largest come first, at most a few.
        """
        path = self.configured(role)
        open_names = [
            name
            for schema, name in names
            if schema is None and name in self._schemas_by_name and not self._schemas_by_name[name].intersection(path)
        ]
        if not open_names:
            return (path,)
        common = set.intersection(*(self._schemas_by_name[name] for name in open_names))
        if not common:
            # Spread over several schemas: every schema that has one of them.
            every = sorted({schema for name in open_names for schema in self._schemas_by_name[name]})
            return ((*path, *every),)
        ranked = sorted(common, key=lambda schema: (-self._pages.get(schema, 0), schema))
        return tuple((schema, *path) for schema in ranked[:_MOST_SCHEMAS])

    def only_system(self, names: Names) -> bool:
        """Return whether every relation named belongs to PostgreSQL itself."""
        return bool(names) and all(
            schema in _SYSTEM or (schema is None and name.startswith("pg_") and name not in self._schemas_by_name)
            for schema, name in names
        )


def split_path(text: str) -> tuple[str, ...]:
    """Return the schemas of a search_path value.

    >>> split_path('"$user", App, "Odd, name"')
    ('$user', 'app', 'Odd, name')
    """
    found = []
    for match in _ITEM.finditer(text):
        if match[1] is not None:
            found.append(match[1].replace('""', '"'))
        elif match[2]:
            found.append(match[2].lower())
    return tuple(item for item in found if item)
