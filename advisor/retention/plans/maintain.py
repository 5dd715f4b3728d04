"""Maintenance of a table partitioned by time in plain SQL: partitions ahead are made, those past the window dropped."""

from __future__ import annotations

from datetime import timedelta

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.bounds import Partitioning, time_partitioning
from advisor.retention.detect import is_time
from advisor.retention.fill import Literal, Trusted, fill
from advisor.retention.plans.batches import loop_body
from advisor.retention.plans.plan import Plan, shorten
from advisor.retention.plans.purge import schedule
from advisor.retention.targets import Target

_PROCEDURE = """\
CREATE OR REPLACE PROCEDURE {p}() LANGUAGE plpgsql AS $pgadvise$
DECLARE
  root CONSTANT regclass := {name}::regclass;
  newest timestamptz;
  leaf record;
  removed bigint; archived bigint;
BEGIN
  LOOP
    PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
            set_config('lock_timeout', '5s', true);
    SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''')::timestamptz) INTO newest
      FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = root;
    EXIT WHEN newest IS NULL OR newest > now() + {premake} * {step};
    EXECUTE format('CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', {schema},
                   {short} || to_char(newest, '_"p"YYYYMMDD_HH24'), root, newest::{type}, (newest + {step})::{type});
    COMMIT;
  END LOOP;
  FOR leaf IN
    SELECT c.oid::regclass AS name FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = root
       AND substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''')::timestamptz <= now() - {keep}
  LOOP
    PERFORM set_config('lock_timeout', '5s', true);
    EXECUTE format('DROP TABLE %s', leaf.name);
    COMMIT;
  END LOOP;
{wide}
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
    wide = _wide_leaf(partitioning)
    procedure = RelationName(target.relation.schema, shorten("maintain_" + target.relation.name))
    text = fill(
        _PROCEDURE,
        p=procedure,
        name=Literal(str(target.relation)),
        schema=Literal(target.relation.schema),
        short=Literal(shorten(target.relation.name, 45)),
        premake=target.policy.premake,
        step=Trusted(step),
        type=Trusted(target.column.base_type.name),
        keep=Trusted(target.keep.sql()),
        # The first partition of a converted table reaches back without end: its old rows go in batches.
        wide=Trusted("" if wide is None else _guarded(wide, loop_body(target, wide, None, catalog))),
    )
    sql, undo, note = schedule(target, procedure, catalog)
    return Plan(
        sql=(text, *sql),
        undo_sql=undo,
        notes=(
            f"The procedure keeps {target.policy.premake} partitions ahead and drops those past the window as a"
            " whole: rows stay up to"
            " one partition longer than the window.",
            note,
        ),
    )


def _guarded(table: RelationName, body: str) -> str:
    """Return `body` for as long as the table is still there: it is dropped one day."""
    return fill("  IF to_regclass({n}) IS NOT NULL THEN\n{body}\n  END IF;", n=Literal(str(table)), body=Trusted(body))


def _wide_leaf(partitioning: Partitioning) -> RelationName | None:
    first = next((leaf for leaf in partitioning.leaves if leaf.lower is None), None)
    return first.table.relation if first is not None and first.table.kind == "r" else None


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
