"""Reads every object besides tables that the twin needs, as DDL, by plain catalog queries.

pg_dump is not used: it locks each table it dumps and has run servers with many tables out of lock space.
"""

from __future__ import annotations

from advisor.collect.reader import Reader
from advisor.model.statistics import SchemaObject

# What each file holds, as a person would say it when it could not be read.
_PARTS = (
    ("schema_tablespaces", "options of tablespaces"),
    ("schema_collations", "collations"),
    ("schema_types", "user-made types and domains"),
    ("schema_functions", "functions"),
    ("schema_extension_members", "signatures of extensions' functions"),
    ("schema_casts", "casts"),
    ("schema_operators", "operators"),
    ("schema_operator_classes", "operator classes"),
    ("schema_aggregates", "aggregates"),
    ("schema_foreign", "foreign tables and servers"),
    ("schema_text_search", "text search configurations"),
    ("schema_views", "definitions of views"),
    ("schema_rules", "rules"),
    ("schema_policies", "row-security policies"),
)


def collect_schema_objects(reader: Reader) -> tuple[SchemaObject, ...]:
    """Return the objects in the order they can be created; what cannot be read becomes a gap."""
    found: list[SchemaObject] = []
    for name, what in _PARTS:
        found += reader.rows(name, SchemaObject, what=what, costs="the planner twin is built without them")
    return tuple(sorted(found, key=lambda item: item.order))
