"""Foreign keys with the same columns, target and actions."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.catalog import Constraint
from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for table, constraints in catalog.constraints_by_table.items():
        groups: dict[tuple[object, ...], list[Constraint]] = {}
        for constraint in constraints:
            if constraint.type != "f" or constraint.inherited or constraint.references is None:
                continue
            pairs = tuple(sorted(zip(constraint.columns, constraint.referenced_columns, strict=False)))
            # Other actions on delete would be another meaning.
            key = (constraint.references, pairs, constraint.on_update, constraint.on_delete)
            groups.setdefault(key, []).append(constraint)
        for group in groups.values():
            if len(group) < 2:
                continue
            # The one kept is valid if any is, and checks at once if any does.
            group.sort(key=lambda c: (not c.validated, not c.enforced, c.deferrable, c.name))
            first, rest = group[0], group[1:]
            yield Offence(
                object=f"{table} ({', '.join(map(quote_ident, first.columns))})",
                evidence={
                    "table": str(table),
                    "names": [constraint.name for constraint in group],
                    "columns": list(first.columns),
                    "references": str(first.references),
                },
                values={
                    "relation": table,
                    "superfluous": [constraint.name for constraint in rest],
                    "definitions": [{"name": c.name, "definition": c.definition} for c in rest],
                },
            )
