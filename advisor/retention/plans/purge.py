"""The purge: rows past their window go in small batches by index and ctid, whole partitions as a whole."""

from __future__ import annotations

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Leaf, time_partitioning
from advisor.retention.expired import Expired
from advisor.retention.fill import Hole, Ident, Literal, Trusted, fill
from advisor.retention.plans.batches import BATCH, do_block, is_row_secured, loop_body, partition_loop
from advisor.retention.plans.locks import stated_locks
from advisor.retention.plans.plan import Plan, index_statements, shorten
from advisor.retention.plans.references import has_index, incoming_foreign_keys
from advisor.retention.plans.rollup import guards, proofs
from advisor.retention.plans.time_index import TimeIndex, choose_time_index, finds_in_order, has_brin
from advisor.retention.policy import parse_table
from advisor.retention.probes import time_index
from advisor.retention.targets import Target

# Below this a batch may as well read the table.
_SMALL_BYTES = 8 << 20

_PROCEDURE = """\
CREATE OR REPLACE PROCEDURE {p}() LANGUAGE plpgsql AS $pgadvise$
#variable_conflict use_column
DECLARE {declared}
BEGIN
{guards}{body}
END
$pgadvise$"""


def purge_plan(target: Target, expired: Expired, catalog: Catalog) -> Plan:
    """Return the script that removes what is past the window now, and the indexes it needs."""
    if target.column is None or target.keep is None:
        return Plan()
    sql: list[str] = []
    undo: list[str] = []
    notes: list[str] = []
    if is_row_secured(target, catalog):
        notes.append(
            "Row security guards the table: run this as a role that it does not apply to (the owner, or one with"
            " BYPASSRLS); for others it stops with an error instead of passing over hidden rows."
        )
    _add_foreign_key_indexes(target, catalog, sql, undo, notes)
    sql += proofs(target, catalog)
    archive = _archive(target)
    if archive is not None:
        sql += _create_archive(target, archive, catalog)
        notes.append(f"Every batch is copied to {archive} in the same transaction, and the row counts are compared.")
    whole = expired.whole_leaves if target.policy.keep_where is None and archive is None else ()
    for leaf in whole:
        sql += drop_leaf(target.table, leaf, catalog)
    if whole:
        notes.append(
            "Partitions past the window as a whole are dropped: that costs almost no WAL and gives the disk back at"
            " once."
        )
    purged = _tables_to_purge(target, whole, catalog)
    for leaf_table in purged:
        index = _index_for(target, leaf_table, catalog)
        if index is not None:
            sql.append(index.create)
            undo.append(index.drop)
            notes.append(f"The index the batches need: {index.reason}")
        ordered = finds_in_order(target, leaf_table, catalog)
        sql.append(do_block(target, leaf_table.relation, archive, catalog, ordered=ordered))
    sql += [fill("VACUUM (ANALYZE) {t}", t=t.relation) for t in purged]
    if purged:
        notes.append(
            f"Rows are deleted {BATCH:,} at a time, each batch committed, rows locked by others are left for the"
            " next run."
            " The space is reused by new rows; the files shrink only with VACUUM FULL, pg_repack or partitions."
        )
    notes.append("Deleted rows do not come back: take a backup first, and look at a few of them with SELECT.")
    return Plan(sql=tuple(sql), undo_sql=tuple(undo), notes=tuple(notes), locks=stated_locks(sql))


def _tables_to_purge(target: Target, whole: tuple[Leaf, ...], catalog: Catalog) -> tuple[Table, ...]:
    """Return the tables with storage that may hold expired rows and are not dropped."""
    gone = {leaf.relation for dropped in whole for leaf in catalog.leaves(dropped.table.relation)}
    partitioning = time_partitioning(target.table, catalog)
    if partitioning is None or target.column is None or partitioning.column.name != target.column.name:
        return tuple(t for t in catalog.leaves(target.relation) if t.kind == "r" and t.relation not in gone)
    cutoff = target.keep.before(catalog.snapshot.server.collected_at) if target.keep is not None else None
    reaching = [
        leaf.table for leaf in partitioning.leaves if cutoff is None or leaf.lower is None or leaf.lower < cutoff
    ]
    if partitioning.default is not None:
        reaching.append(partitioning.default)
    return tuple(
        t for child in reaching for t in catalog.leaves(child.relation) if t.kind == "r" and t.relation not in gone
    )


def drop_leaf(root: Table, leaf: Leaf, catalog: Catalog) -> tuple[str, ...]:
    """Return the statements that detach and drop a partition, without blocking the parent where the version can."""
    holes: dict[str, Hole] = {"t": root.relation, "p": leaf.table.relation}
    has_default = any(p.is_default_partition for p in catalog.partitions.get(root.relation, ()))
    direct = leaf.table.parent == root.relation
    if not direct and leaf.table.parent is not None:
        holes["t"] = leaf.table.parent
    concurrently = catalog.snapshot.server.major >= 14 and not has_default
    return (
        fill("ALTER TABLE {t} DETACH PARTITION {p}" + (" CONCURRENTLY" if concurrently else ""), **holes),
        fill("DROP TABLE {p}", **holes),
    )


def _index_for(target: Target, table: Table, catalog: Catalog) -> TimeIndex | None:
    """Return the index the batches need on `table`, None when it has one or is small."""
    if target.column is None or time_index(table.relation, target.column, catalog) is not None:
        return None
    if (table.size_bytes if table.size_bytes is not None else table.relpages * 8192) < _SMALL_BYTES:
        return None
    if has_brin(target, table, catalog):
        return None
    return choose_time_index(target, table, catalog)


def _add_foreign_key_indexes(
    target: Target, catalog: Catalog, sql: list[str], undo: list[str], notes: list[str]
) -> None:
    # What holds rows back is said before what goes along with them.
    keys = sorted(incoming_foreign_keys(target.relation, catalog), key=lambda k: k.on_delete not in ("a", "r"))
    for constraint in keys:
        if constraint.on_delete == "c":
            notes.append(f"Rows of {constraint.table} that refer to a deleted row go with it (ON DELETE CASCADE).")
        elif constraint.on_delete in ("n", "d"):
            value = "NULL" if constraint.on_delete == "n" else "its default"
            notes.append(
                f"Rows of {constraint.table} that refer to a deleted row stay, with {value} in"
                f" {', '.join(constraint.columns)}."
            )
        elif constraint.on_delete in ("a", "r"):
            notes.append(
                f"Rows that {constraint.table} still refers to (foreign key {constraint.name}) stay until that table"
                " has let go of them: it needs a window of its own, and its purge comes first."
            )
        table = catalog.tables.get(constraint.table)
        if table is None or table.kind != "r" or has_index(constraint, catalog):
            continue
        create, drop = index_statements(constraint.table, constraint.columns, catalog)
        sql.append(create)
        undo.append(drop)
        notes.append(
            f"Without an index on {constraint.table} ({', '.join(constraint.columns)}) every deleted row would read"
            " that table."
        )


def _archive(target: Target) -> RelationName | None:
    """Return the archive table: `to` names a table, or a schema that gets one of the same name."""
    if target.policy.archive_to is None:
        return None
    named = parse_table(target.policy.archive_to)
    if named is None:
        return None
    if named.schema is None:
        return RelationName(named.name, target.relation.name)
    return RelationName(named.schema, named.name)


def _create_archive(target: Target, archive: RelationName, catalog: Catalog) -> tuple[str, ...]:
    if archive in catalog.tables:
        return ()
    statements = [fill("CREATE TABLE {a} (LIKE {t})", a=archive, t=target.relation)]
    if all(schema.name != archive.schema for schema in catalog.snapshot.schemas):
        statements.insert(0, fill("CREATE SCHEMA IF NOT EXISTS {s}", s=Ident(archive.schema)))
    return tuple(statements)


def job_plan(target: Target, catalog: Catalog) -> Plan:
    """Return a procedure that repeats the purge, and its schedule where pg_cron is installed."""
    if target.column is None or target.keep is None:
        return Plan()
    archive = _archive(target)
    procedure = RelationName(target.relation.schema, shorten("purge_" + target.relation.name))
    children = [t for t in catalog.leaves(target.relation) if t.relation != target.relation]
    ordered = bool(children) or finds_in_order(target, target.table, catalog)
    body = (
        partition_loop(target, archive, catalog)
        if children
        else loop_body(target, target.relation, archive, catalog, ordered=ordered)
    )
    declared = "removed bigint; archived bigint;" + (" leaf regclass;" if children else "")
    text = fill(
        _PROCEDURE, p=procedure, declared=Trusted(declared), body=Trusted(body),
        guards=Trusted(guards(target, catalog)),
    )  # fmt: skip
    sql, undo, note = schedule(target, procedure, catalog)
    return Plan(sql=(text, *sql), undo_sql=undo, notes=(note,))


def schedule(target: Target, procedure: RelationName, catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return (statements, undo, note) that make `procedure` run every night."""
    sql = [fill("REVOKE ALL ON PROCEDURE {p}() FROM PUBLIC", p=procedure)]
    undo = [fill("DROP PROCEDURE {p}()", p=procedure)]
    call = fill("CALL {p}()", p=procedure)
    job = shorten(f"purge {target.relation.display()}")
    if any(e.name == "pg_cron" and e.version is not None for e in catalog.snapshot.extensions):
        sql.append(fill("SELECT cron.schedule({j}, '17 3 * * *', {call})", j=Literal(job), call=Literal(call)))
        undo.insert(0, fill("SELECT cron.unschedule({j})", j=Literal(job)))
        note = "pg_cron runs it every night at 03:17."
    else:
        note = f"Run it every night from any scheduler, outside a transaction block: psql -c {_shell(call)}"
    return tuple(sql), tuple(undo), note


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
