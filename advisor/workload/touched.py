"""Which relations a snapshot's texts can concern, found without a server: decides what the twin must build."""

from __future__ import annotations

from typing import Any

import pglast
from pglast import ast
from pglast.visitors import Visitor

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot

# Below this many relations everything is built: it takes less than a second and nothing can be missed.
BUILD_ALL_BELOW = 1000
# A longer text is a bulk load or a generated list; its relations are looked for in the shorter ones.
_LONGEST_TEXT = 200_000


class _Relations(Visitor):  # type: ignore[misc]
    """Collects the names of all range variables."""

    def __init__(self) -> None:
        self.names: set[tuple[str | None, str]] = set()

    def visit_RangeVar(self, ancestors: Any, node: ast.RangeVar) -> None:
        self.names.add((node.schemaname, node.relname))


def relations_touched(snapshot: Snapshot, catalog: Catalog) -> frozenset[RelationName] | None:
    """Return the relations named by any statement text, in every schema that has the name; None means all.

    Texts that do not parse contribute nothing: they cannot be planned either.
    """
    if len(snapshot.tables) < BUILD_ALL_BELOW:
        return None
    by_name: dict[str, set[RelationName]] = {}
    for relation in catalog.tables:
        by_name.setdefault(relation.name, set()).add(relation)
    texts = {row.query for row in snapshot.statements if row.query}
    texts |= {session.query for session in snapshot.sessions if session.query}
    texts |= {text.query for text in snapshot.workload_texts}
    found: set[RelationName] = set()
    for text in texts:
        if len(text) > _LONGEST_TEXT:
            continue
        try:
            tree = pglast.parse_sql(text)
        except pglast.parser.ParseError:
            continue
        visitor = _Relations()
        visitor(tree)
        for schema, name in visitor.names:
            found |= {relation for relation in by_name.get(name, ()) if schema in (None, relation.schema)}
    return frozenset(found)
