"""The look-ups that foreign keys make for every deleted row, which pg_stat_statements shows with track = all only.

They run inside the DELETE of the referenced row. Without an index on the referencing side each of them reads the whole
table, and nothing in the workload's texts says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisor.model.catalog import Constraint
from advisor.model.lookup import Catalog
from advisor.model.names import quote_ident
from advisor.model.snapshot import Snapshot
from advisor.workload.sources import Counters, Entry

_MIN_ROWS = 1000
_BY_TRIGGER = re.compile(r"FROM ONLY .*(FOR KEY SHARE|OPERATOR\(pg_catalog\.=\))", re.IGNORECASE | re.DOTALL)


def foreign_key_entries(snapshot: Snapshot, catalog: Catalog) -> Iterator[Entry]:
    """Yield one statement per foreign key that no index serves and whose referenced rows were deleted.

    Calls are the deletes counted, scaled to the window of pg_stat_statements where both windows are known. Nothing
    where the server's own counters have such statements.
    """
    if any(not row.toplevel and row.query and _BY_TRIGGER.search(row.query) for row in snapshot.statements):
        return
    share = _window_share(snapshot)
    for constraint in snapshot.constraints:
        table = catalog.tables.get(constraint.table)
        if constraint.type != "f" or constraint.references is None or table is None or constraint.inherited:
            continue
        if table.kind not in "rp" or catalog.rows(table.relation) < _MIN_ROWS or _served(catalog, constraint):
            continue
        deleted = sum(leaf.counters.n_tup_del for leaf in catalog.leaves(constraint.references) if leaf.counters)
        if deleted * share < 1:
            continue
        only = "" if table.kind == "p" else "ONLY "
        where = " AND ".join(f"{quote_ident(name)} = ${n}" for n, name in enumerate(constraint.columns, start=1))
        if constraint.on_delete == "c":
            text = f"DELETE FROM {only}{constraint.table} WHERE {where}"  # noqa: S608 (names are quoted)
        else:
            text = f"SELECT 1 FROM {only}{constraint.table} x WHERE {where} FOR KEY SHARE OF x"  # noqa: S608 (as above)
        yield Entry(text, Counters(calls=deleted * share), None, f"rows deleted from {constraint.references.display()}")


def _served(catalog: Catalog, constraint: Constraint) -> bool:
    columns = set(constraint.columns)
    return any(
        index.is_valid
        and index.predicate is None
        and index.access_method in ("btree", "hash")
        and {key.column for key in index.columns[: len(columns)]} == columns
        for index in catalog.indexes_by_table.get(constraint.table, ())
    )


def _window_share(snapshot: Snapshot) -> float:
    """Return the window of pg_stat_statements as a share of that of the tables' counters, at most 1."""
    counters = snapshot.database_counters
    since, tables_since = snapshot.statements_view.stats_reset, counters.stats_reset if counters else None
    until = snapshot.server.collected_at
    if since is None or tables_since is None or tables_since >= until:
        return 1.0
    return min(1.0, max(0.0, (until - since) / (until - tables_since)))
