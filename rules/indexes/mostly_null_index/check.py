"""Single-column B-trees whose column is mostly NULL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, catalog: Catalog, params: Mapping[str, Any]) -> Iterator[Offence]:
    taken = {index.relation for index in snapshot.indexes}
    for index in snapshot.indexes:
        if index.access_method != "btree" or len(index.columns) != 1 or index.include or index.predicate is not None:
            continue
        if index.is_unique or index.constraint or index.parent or index.is_partitioned or not index.is_valid:
            continue
        column = index.columns[0].column
        if column is None or index.extension or (index.size_bytes or 0) < params["min_size"]:
            continue
        statistics = catalog.statistics(index.table, column)
        if statistics is None or statistics.null_frac < params["min_null_fraction"]:
            continue
        prefix = f"CREATE INDEX {quote_ident(index.name)} ON {index.table} USING "
        if not index.definition.startswith(prefix):
            continue
        new = _new_name(index.relation, taken)
        yield Offence(
            object=str(index.relation),
            evidence={
                "table": str(index.table),
                "column": column,
                "null_fraction": statistics.null_frac,
                "size_bytes": index.size_bytes,
                # Many equal keys are stored as posting lists: a NULL takes about a third of another entry.
                "saved_bytes": round((index.size_bytes or 0) * statistics.null_frac / (3 - 2 * statistics.null_frac)),
            },
            values={
                "table_name": index.table,
                "index": index.relation,
                "new_name": new.name,
                "new_index": new,
                "tail": index.definition[len(prefix) :],
                "old_ddl": "CREATE INDEX CONCURRENTLY" + index.definition.removeprefix("CREATE INDEX"),
            },
            weight=(index.size_bytes or 0) * statistics.null_frac,
        )


def _new_name(old: RelationName, taken: set[RelationName]) -> RelationName:
    for number in range(1, 1000):
        end = f"_not_null{number if number > 1 else ''}"
        name = RelationName(old.schema, old.name.encode()[: 63 - len(end)].decode(errors="ignore") + end)
        if name not in taken:
            break
    return name
