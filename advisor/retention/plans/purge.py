"""The purge: rows past their window go in small batches by index and ctid, whole partitions as a whole.

The form was measured: `ctid = ANY (ARRAY(SELECT … ORDER BY … LIMIT … FOR UPDATE SKIP LOCKED))` is an index scan and a
TID scan, 4 to 18 ms for 5,000 rows on PostgreSQL 15; the popular `WITH … DELETE … USING` form reads the whole table for
every batch (122 ms on 200,000 rows). The condition is repeated outside, so that a row is only ever deleted while it
fits. ctid is unique in one table only: partitions are purged one by one.
"""

from __future__ import annotations

from functools import lru_cache

from advisor.model.catalog import Constraint, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Leaf, time_partitioning
from advisor.retention.expired import Expired
from advisor.retention.fill import Hole, Ident, Literal, Trusted, fill
from advisor.retention.plans.locks import stated_locks
from advisor.retention.plans.plan import Plan, index_statements, shorten
from advisor.retention.plans.rollup import proofs
from advisor.retention.plans.time_index import TimeIndex, choose_time_index, finds_in_order, has_brin
from advisor.retention.policy import parse_table
from advisor.retention.probes import expired_condition, time_index
from advisor.retention.targets import Target

BATCH = 5000
_PAUSE_SECONDS = "0.05"
# Below this a batch may as well read the table.
_SMALL_BYTES = 8 << 20

_BATCH_DELETE = """\
DELETE FROM ONLY {t}
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY {t}
                              WHERE {w}
                              {order}LIMIT {n} FOR UPDATE SKIP LOCKED))
       AND {w}"""

_LOOP = """\
  LOOP
    PERFORM set_config('lock_timeout', '1s', true);
    {delete};
    {count}
    COMMIT;
    EXIT WHEN removed = 0;
    PERFORM pg_sleep({pause});
  END LOOP;"""

_MOVE = """\
WITH gone AS (
    {delete}
    RETURNING *
    ), kept AS (INSERT INTO {archive} SELECT * FROM gone RETURNING 1)
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept) INTO removed, archived"""

_PROCEDURE = """\
CREATE OR REPLACE PROCEDURE {p}() LANGUAGE plpgsql AS $pgadvise$
DECLARE {declared}
BEGIN
{body}
END
$pgadvise$"""

_COUNT = "GET DIAGNOSTICS removed = ROW_COUNT;"
_COMPARE = "IF removed <> archived THEN RAISE EXCEPTION '% rows deleted, % archived', removed, archived; END IF;"


def purge_plan(target: Target, expired: Expired, catalog: Catalog) -> Plan:
    """Return the script that removes what is past the window now, and the indexes it needs."""
    if target.column is None or target.keep is None:
        return Plan()
    sql: list[str] = []
    undo: list[str] = []
    notes: list[str] = []
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
        sql.append(_do_block(target, leaf_table.relation, archive, ordered=ordered))
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


def batch_statement(target: Target, table: RelationName, *, ordered: bool = True) -> str:
    """Return the DELETE of one batch; not `ordered` where only a BRIN index finds the rows."""
    if target.column is None:
        raise ValueError(f"{table} has no time column")
    order = fill("ORDER BY {c} ", c=Ident(target.column.name)) if ordered else ""
    return fill(_BATCH_DELETE, t=table, w=Trusted(expired_condition(target)), order=Trusted(order), n=BATCH)


def loop_body(target: Target, table: RelationName, archive: RelationName | None, *, ordered: bool = True) -> str:
    """Return the PL/pgSQL loop that runs batches until none is left."""
    delete = batch_statement(target, table, ordered=ordered)
    count = _COUNT
    if archive is not None:
        delete = fill(_MOVE, delete=Trusted(delete), archive=archive)
        count = _COMPARE
    return fill(_LOOP, delete=Trusted(delete), count=Trusted(count), pause=Trusted(_PAUSE_SECONDS))


def _do_block(target: Target, table: RelationName, archive: RelationName | None, *, ordered: bool) -> str:
    return fill(
        "DO $pgadvise$\nDECLARE removed bigint; archived bigint;\nBEGIN\n{body}\nEND\n$pgadvise$",
        body=Trusted(loop_body(target, table, archive, ordered=ordered)),
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


def incoming_foreign_keys(relation: RelationName, catalog: Catalog) -> tuple[Constraint, ...]:
    """Return the foreign keys of other tables that point at `relation`, those of partitions left out."""
    return _referrers(catalog).get(relation, ())


@lru_cache(maxsize=1)
def _referrers(catalog: Catalog) -> dict[RelationName, tuple[Constraint, ...]]:
    found: dict[RelationName, list[Constraint]] = {}
    for constraint in catalog.snapshot.constraints:
        if constraint.type == "f" and constraint.references is not None and not constraint.inherited:
            found.setdefault(constraint.references, []).append(constraint)
    return {name: tuple(constraints) for name, constraints in found.items()}


def _add_foreign_key_indexes(
    target: Target, catalog: Catalog, sql: list[str], undo: list[str], notes: list[str]
) -> None:
    for constraint in incoming_foreign_keys(target.relation, catalog):
        if constraint.on_delete == "c":
            notes.append(f"Rows of {constraint.table} that refer to a deleted row go with it (ON DELETE CASCADE).")
        elif constraint.on_delete in ("a", "r"):
            notes.append(
                f"Rows of {constraint.table} may refer to old rows (foreign key {constraint.name}): where one does, the"
                " delete fails; give that table its own window first."
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


def has_index(constraint: Constraint, catalog: Catalog) -> bool:
    """Return whether an index of the referring table finds the rows that refer to one row."""
    wanted = set(constraint.columns)
    return any(
        {c.column for c in index.columns[: len(wanted)]} == wanted and index.predicate is None and index.is_valid
        for index in catalog.indexes_by_table.get(constraint.table, ())
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
        _partition_loop(target, archive) if children else loop_body(target, target.relation, archive, ordered=ordered)
    )
    declared = "removed bigint; archived bigint;" + (" leaf regclass;" if children else "")
    text = fill(
        _PROCEDURE, p=procedure, declared=Trusted(declared), body=Trusted(body)
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


def _partition_loop(target: Target, archive: RelationName | None) -> str:
    """Return a loop over the partitions of the day: they change, so they are looked up at run time."""
    hole = RelationName("pgadvise", "leaf_table")
    delete = batch_statement(target, hole).replace("%", "%%").replace(str(hole), "%1$s")
    if archive is not None:
        moved = fill(_MOVE, delete=Trusted(delete), archive=archive).replace(" INTO removed, archived", "")
        run = fill("EXECUTE format({sql}, leaf) INTO removed, archived;\n      " + _COMPARE, sql=Literal(moved))
    else:
        run = fill("EXECUTE format({sql}, leaf);\n      " + _COUNT, sql=Literal(delete))
    return fill(
        """\
  FOR leaf IN SELECT c.oid::regclass FROM pg_catalog.pg_class c
      WHERE c.relkind = 'r' AND c.oid IN (
        WITH RECURSIVE tree AS (
          SELECT {name}::regclass::oid AS oid
          UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)
        SELECT oid FROM tree)
  LOOP
    LOOP
      PERFORM set_config('lock_timeout', '1s', true);
      {run}
      COMMIT;
      EXIT WHEN removed = 0;
      PERFORM pg_sleep({pause});
    END LOOP;
  END LOOP;""",
        name=Literal(str(target.relation)), run=Trusted(run), pause=Trusted(_PAUSE_SECONDS),
    )  # fmt: skip


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
