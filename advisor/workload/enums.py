"""A label for every enum type, so that a parameter of one can be given a value without any statistics."""

from __future__ import annotations

from pglast import ast

from advisor.model.snapshot import Snapshot
from advisor.workload.parse import NotParsed, find, parse_tree


def first_labels(snapshot: Snapshot) -> dict[str, str]:
    """Return the first label of every enum in the snapshot by 'schema.typname'."""
    labels: dict[str, str] = {}
    for item in snapshot.schema_objects:
        if item.kind != "type" or "enum" not in item.ddl.lower():
            continue
        try:
            tree = parse_tree(item.ddl)
        except NotParsed:
            continue  # the twin will say so; here it only means no default value
        for statement in find(tree, ast.CreateEnumStmt):
            if statement.vals:
                labels[f"{item.schema}.{item.name}"] = statement.vals[0].sval
    return labels
