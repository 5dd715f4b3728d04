"""Foreign keys whose two sides differ in type."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot

_WIDTH = {"int2": 2, "int4": 4, "int8": 8}
# These compare without conversion.
_ALIKE = frozenset({"text", "varchar", "name", "bpchar"})


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for constraint in snapshot.constraints:
        if constraint.type != "f" or constraint.inherited or constraint.references is None:
            continue
        own = catalog.columns.get(constraint.table, {})
        theirs = catalog.columns.get(constraint.references, {})
        for name, other in zip(constraint.columns, constraint.referenced_columns, strict=False):
            column, target = own.get(name), theirs.get(other)
            if column is None or target is None or column.base_type == target.base_type:
                continue
            types = {column.base_type.name, target.base_type.name}
            if types <= _ALIKE:
                continue
            narrower = _WIDTH.get(column.base_type.name, 9) < _WIDTH.get(target.base_type.name, 0)
            if types <= set(_WIDTH) and not narrower:
                continue  # wider than needed: harmless
            yield Offence(
                object=f"{constraint.table}.{quote_ident(name)}",
                evidence={
                    "table": str(constraint.table),
                    "column": name,
                    "type": column.type,
                    "references": str(constraint.references),
                    "referenced_column": other,
                    "referenced_type": target.type,
                    "constraint": constraint.name,
                    "narrower": narrower,
                },
                values={"relation": constraint.table},
                severity=None if narrower else Severity.LOW,
            )
