"""Constraints that only new rows obey."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog) -> Iterator[Offence]:
    for constraint in snapshot.constraints:
        # NOT ENFORCED (18 on) is a decision: such a constraint is never valid. Inherited ones are validated above.
        if constraint.validated or not constraint.enforced or constraint.inherited:
            continue
        table = catalog.tables.get(constraint.table)
        if table is None or table.extension is not None:  # constraints of domains
            continue
        yield Offence(
            object=f"{constraint.table}.{quote_ident(constraint.name)}",
            evidence={"table": str(constraint.table), "name": constraint.name, "definition": constraint.definition},
            values={"relation": constraint.table, "foreign_key": constraint.type == "f"},
            weight=table.size_bytes or 0,
        )
