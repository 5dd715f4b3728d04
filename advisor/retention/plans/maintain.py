"""Maintenance of a table partitioned by time in plain SQL: partitions ahead are made, those past the window dropped."""

from __future__ import annotations

from datetime import timedelta

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Partitioning, time_partitioning
from advisor.retention.detect import is_time
from advisor.retention.fill import Literal, Trusted, fill
from advisor.retention.naming import name_sql
from advisor.retention.plans.batches import partition_loop
from advisor.retention.plans.plan import Plan, shorten
from advisor.retention.plans.purge import schedule
from advisor.retention.plans.rollup import guards
from advisor.retention.targets import Target

_SECURE = "\n    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', leaf_name);"

_PROCEDURE = """\
CREATE OR REPLACE PROCEDURE {p}() LANGUAGE plpgsql AS $pgadvise$
#variable_conflict use_column
DECLARE
  root CONSTANT regclass := {name}::regclass;
  newest timestamptz;
  past record;
  leaf_name text;
  leaf regclass;
  removed bigint; archived bigint;
BEGIN
{guards}  LOOP
    PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
            set_config('lock_timeout', '5s', true);
    SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''')::timestamptz) INTO newest
      FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = root;
    EXIT WHEN newest IS NULL OR newest > now() + {premake} * {step};
    leaf_name := {leaf};
    -- Not CREATE TABLE … PARTITION OF: that would wait for, and stop, everybody who reads the table.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED'
                   ' INCLUDING STORAGE)', leaf_name, root);{secure}
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', root, leaf_name,
                   newest::{type}, (newest + {step})::{type});
    COMMIT;
  END LOOP;
  FOR past IN
    SELECT c.oid::regclass AS name FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = root
       AND substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''')::timestamptz <= now() - {keep}
  LOOP
    PERFORM set_config('lock_timeout', '5s', true);
    EXECUTE format('DROP TABLE %s', past.name);
    COMMIT;
  END LOOP;
{rest}
END
$pgadvise$"""


def maintenance_plan(target: Target, catalog: Catalog) -> Plan | None:
    """Return the procedure and its schedule, or None where partitions cannot simply be dropped by their bounds."""
    partitioning = time_partitioning(target.table, catalog)
    if (
        partitioning is None
        or target.keep is None
        or target.column is None
        or partitioning.column.name != target.column.name
        or not is_time(target.column)
        or len(target.table.partition_key_columns) != 1
        or target.policy.keep_where is not None
        or target.policy.archive_to is not None
    ):
        return None
    step = _step_sql(partitioning)
    if step is None:
        return None
    # Rows of a partition wait for its youngest one: where that is longer than tolerated, they go in batches.
    rows_wait = _widest_days(partitioning) > target.tolerance.total_days
    procedure = RelationName(target.relation.schema, shorten("maintain_" + target.relation.name))
    text = fill(
        _PROCEDURE,
        p=procedure,
        name=Literal(str(target.relation)),
        leaf=Trusted(name_sql(partitioning, "newest", '_"p"YYYYMMDD_HH24')),
        secure=Trusted(_SECURE if target.table.row_security else ""),
        premake=target.policy.premake,
        step=Trusted(step),
        type=Trusted(target.column.base_type.name),
        keep=Trusted(target.keep.sql()),
        guards=Trusted(guards(target, catalog)),
        rest=Trusted(_boundary_loop(target, catalog) if rows_wait or _has_wide_leaf(partitioning) else ""),
    )
    sql, undo, note = schedule(target, procedure, catalog)
    return Plan(
        sql=(text, *sql),
        undo_sql=undo,
        notes=(
            f"The procedure keeps {target.policy.premake} partitions ahead and drops those past the window as a whole"
            + (
                "; a partition spans more than the tolerance, so what is past the window in the oldest one goes in"
                " batches."
                if rows_wait
                else ": rows stay up to one partition longer than the window."
            ),
            note,
        ),
    )


def _boundary_loop(target: Target, catalog: Catalog) -> str:
    """Return the purge of what reaches over the cutoff: the oldest partition, one without a beginning, the default."""
    if target.keep is None:
        raise ValueError(f"{target.relation} has no window")
    reaching = fill(
        "coalesce(substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \\(''([^'']+)''')::timestamptz"
        " < now() - {keep}, true)",
        keep=Trusted(target.keep.sql()),
    )
    return partition_loop(target, None, catalog, only=reaching)


def _has_wide_leaf(partitioning: Partitioning) -> bool:
    return any(leaf.lower is None for leaf in partitioning.leaves)


def _widest_days(partitioning: Partitioning) -> float:
    """Return how many days an ordinary partition spans."""
    return max(
        (
            (leaf.upper - leaf.lower).total_seconds() / 86400
            for leaf in partitioning.leaves
            if leaf.lower is not None and leaf.upper is not None
        ),
        default=0.0,
    )


def _step_sql(partitioning: Partitioning) -> str | None:
    """Return the newest ordinary partition's width as an SQL interval."""
    widths = [
        leaf.upper - leaf.lower for leaf in partitioning.leaves if leaf.lower is not None and leaf.upper is not None
    ]
    if not widths or widths[-1] <= timedelta(0):
        return None
    width = widths[-1]
    for days, text in ((range(28, 32), "1 month"), (range(89, 93), "3 months"), (range(365, 367), "1 year")):
        if width.days in days and width.seconds == 0:
            return f"interval '{text}'"
    return f"interval '{width.days} days {width.seconds} seconds'"
