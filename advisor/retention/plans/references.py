"""What other tables refer to: foreign keys that point at a table, and the rows that must wait for them."""

from __future__ import annotations

from functools import lru_cache

from advisor.model.catalog import Constraint
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.fill import Ident, fill

# ON DELETE NO ACTION and RESTRICT: one row that is still referred to fails the whole batch.
_HOLDING = ("a", "r")


def incoming_foreign_keys(relation: RelationName, catalog: Catalog) -> tuple[Constraint, ...]:
    """Return the foreign keys that point at `relation`, those of partitions left out."""
    return _referrers(catalog).get(relation, ())


@lru_cache(maxsize=1)
def _referrers(catalog: Catalog) -> dict[RelationName, tuple[Constraint, ...]]:
    found: dict[RelationName, list[Constraint]] = {}
    for constraint in catalog.snapshot.constraints:
        if constraint.type == "f" and constraint.references is not None and not constraint.inherited:
            found.setdefault(constraint.references, []).append(constraint)
    return {name: tuple(constraints) for name, constraints in found.items()}


def holding_keys(relation: RelationName, catalog: Catalog) -> tuple[Constraint, ...]:
    """Return the foreign keys under which a row of `relation` cannot go while another row refers to it."""
    return tuple(
        key
        for key in incoming_foreign_keys(relation, catalog)
        if key.on_delete in _HOLDING and len(key.columns) == len(key.referenced_columns)
    )


def has_index(constraint: Constraint, catalog: Catalog) -> bool:
    """Return whether an index of the referring table finds the rows that refer to one row."""
    wanted = set(constraint.columns)
    return any(
        {c.column for c in index.columns[: len(wanted)]} == wanted and index.predicate is None and index.is_valid
        for index in catalog.indexes_by_table.get(constraint.table, ())
    )


def not_referred_to(relation: RelationName, alias: str, catalog: Catalog) -> tuple[str, ...]:
    """Return one condition per holding foreign key: no row refers to the row that `alias` stands for."""
    found = []
    for key in holding_keys(relation, catalog):
        same = [
            fill("referring.{c} = {a}.{k}", c=Ident(column), a=Ident(alias), k=Ident(referenced))
            for column, referenced in zip(key.columns, key.referenced_columns, strict=True)
        ]
        if key.table == relation:  # a row that refers to itself holds nobody
            same.append(fill("(referring.tableoid, referring.ctid) <> ({a}.tableoid, {a}.ctid)", a=Ident(alias)))
        found.append(fill("NOT EXISTS (SELECT FROM {t} AS referring WHERE ", t=key.table) + " AND ".join(same) + ")")
    return tuple(found)
