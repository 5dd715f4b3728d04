"""Verdicts on partitions that differ from their parent or from each other: width, indexes, rights, publications."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from advisor.model.catalog import Index, Table
from advisor.model.finding import Severity
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.report import RetentionStatus
from advisor.retention.bounds import Partitioning, leaf_bytes, time_partitioning
from advisor.retention.fill import Ident, Trusted, fill
from advisor.retention.partitions import partition_status
from advisor.retention.plans.interval import choose_interval
from advisor.retention.plans.plan import free_name
from advisor.retention.probes import LEAF_RIGHTS, PUBLICATIONS
from advisor.retention.statuses import Judged
from advisor.retention.targets import judged_tables
from advisor.units import format_size

_MANY_LEAVES = 100
_LARGE_LEAF = 10 << 30
# A partition this wide keeps expired rows for a quarter of the window more.
_WIDE_SHARE = 0.25
_FEW_LEAVES = 3
_MOST_LISTED = 50


def leaf_statuses(catalog: Catalog, judged: Mapping[RelationName, Judged]) -> Iterator[RetentionStatus]:
    """Everything about the partitions of every table; `judged` holds the tables with a window."""
    for table in judged_tables(catalog.snapshot):
        if table.kind == "p":
            yield from _indexes(table, catalog)
            yield from _rights(table, catalog)
            yield from _publications(table, catalog)
            yield from _identity(table, catalog)
            partitioning = time_partitioning(table, catalog)
            if partitioning is not None and partitioning.leaves:
                yield from _width(partitioning, judged.get(table.relation), catalog)
        elif table.kind == "r":
            yield from _old_style(table, catalog)


def _width(partitioning: Partitioning, judged: Judged | None, catalog: Catalog) -> Iterator[RetentionStatus]:
    root, leaves = partitioning.root, partitioning.leaves
    keep = judged.target.keep if judged is not None else None
    if len(leaves) > _MANY_LEAVES:
        wider = ""
        if judged is not None and keep is not None:
            per_day = judged.growth.bytes_per_day if judged.growth is not None else None
            wider = (
                f" For a window of {keep} one partition per {choose_interval(keep, judged.target.tolerance, per_day)}"
            )
            wider += " is enough."
        yield partition_status(
            root,
            "part.interval_too_small",
            Severity.LOW,
            f"It has {len(leaves)} partitions: a statement without a condition on {partitioning.column.name} opens and"
            f" locks every one and its indexes, and planning takes milliseconds.{wider} Make the new partitions wider;"
            " the old ones go with their window.",
            column=partitioning.column.name,
            partitions=len(leaves),
        )
    closed = [leaf for leaf in leaves if leaf.lower is not None and leaf.upper is not None]
    if not closed:
        return
    widest = max(closed, key=lambda leaf: leaf_bytes(leaf.table, catalog))
    size = leaf_bytes(widest.table, catalog)
    newest = closed[-1]
    days = (newest.upper - newest.lower).total_seconds() / 86400 if newest.upper and newest.lower else 0.0
    wide = keep is not None and days > _WIDE_SHARE * keep.total_days
    if size > _LARGE_LEAF or wide:
        reason = (
            f"{widest.table.relation} has {format_size(size)}: VACUUM, index builds and its DROP take long"
            if size > _LARGE_LEAF
            else f"a partition spans {days:,.0f} days of a window of {keep}, and it can only be dropped when all"
            " its rows are past the window"
        )
        yield partition_status(
            root,
            "part.interval_too_big",
            Severity.LOW,
            f"The partitions are wide: {reason}. Make the new ones narrower.",
            column=partitioning.column.name,
            largest_bytes=size,
        )


def _signature(index: Index) -> tuple[object, ...]:
    return (index.access_method, index.columns, index.include, index.predicate)


def _indexes(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    """Indexes that most partitions have and some lack, and keys that hold within one partition only."""
    leaves = [p for p in catalog.partitions.get(root.relation, ()) if p.kind == "r" and p.is_partition]
    own = {
        leaf.relation: {_signature(i): i for i in catalog.indexes_by_table.get(leaf.relation, ()) if i.is_valid}
        for leaf in leaves
    }
    counts = Counter(signature for found in own.values() for signature in found)
    sql: list[str] = []
    undo: list[str] = []
    lacking: set[str] = set()
    for signature, count in counts.items():
        if len(leaves) < _FEW_LEAVES or not len(leaves) / 2 < count < len(leaves):
            continue
        alike = [found[signature] for found in own.values() if signature in found]
        parent = next((index.parent for index in alike if index.parent is not None), None)
        for leaf in leaves:
            if signature in own[leaf.relation]:
                continue
            lacking.add(str(leaf.relation))
            name = free_name(leaf.schema, f"{leaf.name}_{alike[0].columns[0].key}"[:50], "_idx", catalog)
            sql.append(_create_on_leaf(alike[0], leaf, name))
            undo.append(fill("DROP INDEX CONCURRENTLY {i}", i=RelationName(leaf.schema, name)))
            if parent is not None:
                made = RelationName(leaf.schema, name)
                sql.append(fill("ALTER INDEX {p} ATTACH PARTITION {i}", p=parent, i=made))
                undo.pop()  # an attached index goes with its parent's
    if lacking:
        listed = ", ".join(sorted(lacking)[:5]) + (" …" if len(lacking) > 5 else "")
        yield partition_status(
            root,
            "part.local_index_missing",
            Severity.LOW,
            f"{len(lacking)} partitions lack an index that most of the others have ({listed}): the same statement reads"
            " them from end to end.",
            sql=tuple(sql[:_MOST_LISTED]),
            undo_sql=tuple(undo[:_MOST_LISTED]),
            partitions=sorted(lacking)[:_MOST_LISTED],
        )
    key = set(root.partition_key_columns)
    local = sorted(
        {
            ", ".join(c.key for c in index.columns)
            for found in own.values()
            for index in found.values()
            if index.is_unique and index.parent is None and not key <= {c.column for c in index.columns}
        }
    )
    if local and len(leaves) > 1:
        yield partition_status(
            root,
            "part.unique_lost",
            Severity.LOW,
            f"({'), ('.join(local)}) is unique within each partition only: the same value can stand in two of them, and"
            " no foreign key can refer to it. Let the application make values that cannot repeat (uuid, one sequence).",
            columns=local,
        )


def _create_on_leaf(model: Index, leaf: Table, name: str) -> str:
    """Return CREATE INDEX CONCURRENTLY for a leaf, after a sibling's definition."""
    head, _, tail = model.definition.partition(" USING ")
    unique = "UNIQUE " if head.upper().startswith("CREATE UNIQUE") else ""
    return fill(
        "CREATE {unique}INDEX CONCURRENTLY {i} ON {t} USING {tail}",
        unique=Trusted(unique), i=Ident(name), t=leaf.relation, tail=Trusted(tail),
    )  # fmt: skip


def _rights(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    """Partitions that others may read by their own name although row security guards the parent."""
    open_leaves = [r for r in catalog.snapshot.facts.get(LEAF_RIGHTS, ()) if r.get("root") == str(root.relation)]
    if not open_leaves:
        return
    names = [str(r["leaf"]) for r in open_leaves]
    roles = sorted({role for r in open_leaves for role in r.get("roles") or ()})
    listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    yield partition_status(
        root,
        "part.rls_child",
        Severity.HIGH,
        f"Row security guards this table and not {len(names)} of its partitions ({listed}): {', '.join(roles)} can"
        " reach every row of them by their own names. The table's policies do not hold for a partition named directly.",
        sql=tuple(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY" for name in names),
        undo_sql=tuple(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY" for name in names),
        partitions=names[:_MOST_LISTED],
        roles=roles,
    )


def _publications(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    for row in catalog.snapshot.facts.get(PUBLICATIONS, ()):
        if row.get("root") == str(root.relation):
            name = str(row["publication"])
            yield partition_status(
                root,
                "part.publication",
                Severity.INFO,
                f"The publication {name} sends changes under the partitions' own names: a subscriber needs the same"
                " partitions, new ones before their first row, and keeps those dropped here. With"
                " publish_via_partition_root it needs only a table of this name.",
                sql=(fill("ALTER PUBLICATION {p} SET (publish_via_partition_root = true)", p=Ident(name)),),
                undo_sql=(fill("ALTER PUBLICATION {p} SET (publish_via_partition_root = false)", p=Ident(name)),),
                publication=name,
            )


def _identity(root: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    other = [
        p
        for p in catalog.partitions.get(root.relation, ())
        if p.is_partition and p.kind == "r" and p.replica_identity != root.replica_identity
    ]
    words = {"f": "FULL", "n": "NOTHING", "d": "DEFAULT"}
    if other and root.replica_identity in words:
        yield partition_status(
            root,
            "part.replica_identity",
            Severity.LOW,
            f"{len(other)} partitions have another replica identity than the table, which new and old partitions do not"
            " take from it: updates and deletes in them are replicated differently, or refused.",
            sql=tuple(
                fill("ALTER TABLE {t} REPLICA IDENTITY {w}", t=p.relation, w=Trusted(words[root.replica_identity]))
                for p in other[:_MOST_LISTED]
            ),
        )


def _old_style(table: Table, catalog: Catalog) -> Iterator[RetentionStatus]:
    children = [
        c for c in catalog.partitions.get(table.relation, ()) if not c.is_partition and c.parents == (table.relation,)
    ]
    checked = [
        c for c in children if any(k.type == "c" for k in catalog.constraints_by_table.get(c.relation, ()))
    ]  # fmt: skip
    if len(checked) >= _FEW_LEAVES:
        yield partition_status(
            table,
            "part.old_style",
            Severity.INFO,
            f"It is divided by inheritance and CHECK constraints ({len(checked)} children): rows are routed by a"
            " trigger or by the application, every child's constraint is tried for every statement, and no key spans"
            " them. Native range partitions do all of that; each child can be attached as it is (ALTER TABLE … NO"
            " INHERIT, then ATTACH PARTITION, which its CHECK spares the scan).",
            children=len(checked),
        )
