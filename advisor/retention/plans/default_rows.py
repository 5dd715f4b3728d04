"""Rows out of the default partition, into partitions of their own: one range after the other, each a transaction."""

from __future__ import annotations

from datetime import timedelta

from advisor.model.catalog import Table
from advisor.model.lookup import Catalog
from advisor.retention.bounds import Partitioning
from advisor.retention.detect import is_time
from advisor.retention.fill import Ident, Literal, Trusted, fill
from advisor.retention.naming import name_sql
from advisor.retention.plans.references import incoming_foreign_keys

_MOVE = """\
DO $pgadvise$
#variable_conflict use_column
DECLARE
  root CONSTANT regclass := {root_name}::regclass;
  first timestamptz; low timestamptz; high timestamptz; leaf text; moved bigint; stored bigint;
BEGIN
  FOR number IN 1..100 LOOP
    PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
            set_config('lock_timeout', '5s', true);
    LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE;
    SELECT min({c}) INTO first FROM ONLY {default} WHERE {c} > '-infinity' AND {c} < 'infinity';
    EXIT WHEN first IS NULL;
    low := {low};
    high := low + {step};
    SELECT greatest(low, max(ending)), least(high, min(beginning)) INTO low, high FROM (
      SELECT CASE WHEN upper_bound <= first THEN upper_bound END AS ending,
             CASE WHEN lower_bound > first THEN lower_bound END AS beginning
        FROM (SELECT substring(bound from 'FROM \\(''([^'']+)''')::timestamptz AS lower_bound,
                     substring(bound from 'TO \\(''([^'']+)''')::timestamptz AS upper_bound
                FROM (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound
                        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                       WHERE i.inhparent = root) texts) bounds) neighbours;
    leaf := {leaf};
    EXECUTE format('CREATE TABLE %s (LIKE {q_root} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED'
                   ' INCLUDING STORAGE)', leaf);
    EXECUTE format('WITH gone AS (DELETE FROM ONLY {q_default} WHERE {q_c} >= %L AND {q_c} < %L RETURNING *),'
                   ' kept AS (INSERT INTO %s ({q_columns}) SELECT {q_columns} FROM gone RETURNING 1)'
                   ' SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept)',
                   low::{type}, high::{type}, leaf) INTO moved, stored;
    IF moved <> stored THEN RAISE EXCEPTION '% rows taken, % stored', moved, stored; END IF;
    EXECUTE format('ALTER TABLE {q_root} ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', leaf,
                   low::{type}, high::{type});{secure}
    COMMIT;
  END LOOP;
END
$pgadvise$"""

_SECURE = "\n    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', leaf);"

# Nothing weaker: whoever reads the default partition and then writes to it would deadlock with the ATTACH.
LOCK = (
    "ACCESS EXCLUSIVE on the default partition while one range is moved: statements that look into it wait; SHARE"
    " UPDATE EXCLUSIVE on the table"
)


def move_rows(partitioning: Partitioning, default: Table, step: timedelta | None, catalog: Catalog) -> str | None:
    """Return the script, None where the key is no plain time, or other tables refer to the rows."""
    root, column = partitioning.root, partitioning.column
    if step is None or not is_time(column) or len(root.partition_key_columns) != 1 or default.kind != "r":
        return None
    if incoming_foreign_keys(root.relation, catalog):
        return None
    columns = sorted(catalog.columns[root.relation].values(), key=lambda c: c.attnum)
    listed = ", ".join(fill("{c}", c=Ident(c.name)) for c in columns if not c.generated)
    width, low = _aligned(partitioning, step)
    texts = {
        "root": str(root.relation), "default": str(default.relation), "columns": listed,
        "c": fill("{c}", c=Ident(column.name)),
    }  # fmt: skip
    # Inside the format strings of EXECUTE quotes and percent signs are doubled.
    holes = {name: Trusted(text) for name, text in texts.items()} | {
        f"q_{name}": Trusted(text.replace("%", "%%").replace("'", "''")) for name, text in texts.items()
    }
    return fill(
        _MOVE, root_name=Literal(str(root.relation)), step=Trusted(width), low=Trusted(low),
        leaf=Trusted(name_sql(partitioning, "low", '_"p"YYYYMMDD_HH24MI')), type=Trusted(column.base_type.name),
        secure=Trusted(_SECURE if root.row_security else ""), **holes,
    )  # fmt: skip


def _aligned(partitioning: Partitioning, step: timedelta) -> tuple[str, str]:
    """Return (width, start of the range that `first` falls into) as SQL."""
    for days, width, unit in (
        (range(28, 32), "1 month", "month"),
        (range(89, 93), "3 months", "quarter"),
        (range(365, 367), "1 year", "year"),
    ):
        if step.days in days and step.seconds == 0:
            return f"interval '{width}'", f"date_trunc('{unit}', first)"
    if step.days > 366:
        return "interval '1 year'", "date_trunc('year', first)"
    seconds = round(step.total_seconds())
    known = next(leaf.lower for leaf in partitioning.leaves if leaf.lower is not None)
    start = f"timestamptz '{known:%Y-%m-%d %H:%M:%S}+00'"
    return (
        f"interval '{seconds} seconds'",
        f"{start} + floor(extract(epoch from first - {start}) / {seconds}) * interval '{seconds} seconds'",
    )
