"""Coarser copies of a table: how to make and fill them, and the proof that they hold what is about to be deleted."""

from __future__ import annotations

from advisor.model.catalog import Column
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.detect import is_time
from advisor.retention.fill import Hole, Ident, Literal, Trusted, fill
from advisor.retention.plans.plan import Plan, shorten
from advisor.retention.policy import Tier
from advisor.retention.probes import expired_condition
from advisor.retention.targets import Target
from advisor.retention.windows import Window

_MEASURES = frozenset(("float8", "float4", "numeric", "int2", "int4", "int8"))

_FILL = """\
INSERT INTO {tier} AS r ({columns})
SELECT {keys}, {bucket}, count(*){aggregates}
  FROM {t}
 WHERE {c} < {complete}
 GROUP BY {keys}, {bucket}
ON CONFLICT ({target_keys}) DO UPDATE SET {updates}
 WHERE excluded.n > r.n"""

_PROOF = """\
  IF EXISTS (
    SELECT FROM (SELECT {keys}, {bucket} AS bucket, count(*) AS n FROM {t} WHERE {w} GROUP BY {keys}, {bucket}) raw
     WHERE NOT EXISTS (SELECT FROM {tier} r WHERE {same} AND r.bucket = raw.bucket AND r.n >= raw.n))
  THEN
    RAISE EXCEPTION 'some rows to be deleted are not in % yet: fill it first', {name};
  END IF;"""


def rollup_plan(target: Target, tier: Tier, catalog: Catalog) -> Plan | None:
    """Return how to create and fill `tier`, or None when its key or the source's time does not allow it.

    Counts, sums and ends are kept, not averages: they can be added up again. The fill can be repeated at any time; a
    bucket is only ever replaced by one of more rows, so running it after the purge loses nothing.
    """
    parts = _parts(target, tier, catalog)
    if parts is None:
        return None
    keys, measures = parts
    time = Ident(target.choice.candidate.column.name) if target.choice.candidate is not None else Ident("")
    name = tier_name(tier)
    definitions = [f"{fill('{c}', c=Ident(k.name))} {k.type} NOT NULL" for k in keys]
    definitions += ["bucket timestamptz NOT NULL", "n bigint NOT NULL"]
    columns = [fill("{c}", c=Ident(k.name)) for k in keys] + ["bucket", "n"]
    aggregates = ""
    updates = ["n = excluded.n"]
    for measure in measures:
        for how in ("min", "max", "sum"):
            column = fill("{c}", c=Ident(shorten(measure.name, 58) + f"_{how}"))
            kind = "numeric" if how == "sum" and measure.base_type.name == "numeric" else "double precision"
            definitions.append(f"{column} {kind}")
            columns.append(column)
            aggregates += fill(", {how}({c})", how=Trusted(how), c=Ident(measure.name))
            updates.append(f"{column} = excluded.{column}")
    listed = ", ".join(fill("{c}", c=Ident(k.name)) for k in keys)
    holes: dict[str, Hole] = {
        "tier": name, "t": target.relation, "c": time, "keys": Trusted(listed), "columns": Trusted(", ".join(columns)),
        "bucket": Trusted(_bucket(target, tier.bucket)), "aggregates": Trusted(aggregates),
        "complete": Trusted(_complete(target, tier.bucket)), "target_keys": Trusted(listed + ", bucket"),
        "updates": Trusted(", ".join(updates)), "definitions": Trusted(",\n  ".join(definitions)),
    }  # fmt: skip
    return Plan(
        sql=(
            fill("CREATE TABLE {tier} (\n  {definitions},\n  PRIMARY KEY ({target_keys})\n)", **holes),
            fill(_FILL, **holes),
            # For the copy's own window, and so that its first and last bucket can be told at once.
            fill("CREATE INDEX ON {tier} (bucket)", **holes),
        ),
        undo_sql=(fill("DROP TABLE {tier}", **holes),),
        notes=(
            "Repeat the INSERT before every purge. Only whole buckets are copied. Sparse data hardly shrinks: below"
            " five rows"
            " per key and bucket the copy is nearly as large as the source.",
        ),
    )


def tier_name(tier: Tier) -> RelationName:
    """Return the tier's table; `public` where no schema is given."""
    return RelationName(tier.table.schema or "public", tier.table.name)


def proofs(target: Target, catalog: Catalog) -> tuple[str, ...]:
    """Return statements that fail unless every tier of this package's shape holds the rows past the window."""
    return tuple(f"DO $pgadvise$\nBEGIN\n{body}\nEND\n$pgadvise$" for _, body in _checked(target, catalog))


def guards(target: Target, catalog: Catalog) -> str:
    """Return what a job does in PL/pgSQL before it purges: fill every tier, and fail unless it holds what is to go."""
    found: list[str] = []
    for tier, body in _checked(target, catalog):
        plan = rollup_plan(target, tier, catalog)
        if plan is not None:
            found.append("  " + plan.sql[1] + ";")
        found.append(body)
    return "".join(part + "\n" for part in found) + ("  COMMIT;\n" if found else "")


def _checked(target: Target, catalog: Catalog) -> list[tuple[Tier, str]]:
    """Return every existing tier of this package's shape with the PL/pgSQL that fails unless it is complete."""
    found: list[tuple[Tier, str]] = []
    for tier in target.policy.tiers:
        parts = _parts(target, tier, catalog)
        name = next((r for r in catalog.tables if tier.table.matches(r)), None)
        if parts is None or name is None or not {"bucket", "n"} <= set(catalog.columns.get(name, {})):
            continue
        keys = parts[0]
        listed = ", ".join(fill("{c}", c=Ident(k.name)) for k in keys)
        same = " AND ".join(fill("r.{c} = raw.{c}", c=Ident(k.name)) for k in keys)
        body = fill(
            _PROOF, keys=Trusted(listed), bucket=Trusted(_bucket(target, tier.bucket)), t=target.relation, tier=name,
            w=Trusted(expired_condition(target)), same=Trusted(same), name=Literal(str(name)),
        )  # fmt: skip
        found.append((tier, body))
    return found


def _parts(target: Target, tier: Tier, catalog: Catalog) -> tuple[list[Column], list[Column]] | None:
    """Return (key columns, columns to sum up)."""
    columns = catalog.columns.get(target.relation, {})
    if target.column is None or not is_time(target.column) or not tier.key or any(k not in columns for k in tier.key):
        return None
    keys = [columns[k] for k in tier.key]
    referring = {
        c for k in catalog.constraints_by_table.get(target.relation, ()) if k.type in ("p", "f") for c in k.columns
    }
    measures = [
        c
        for c in columns.values()
        if c.base_type.name in _MEASURES and c.name not in tier.key and c.name not in referring and c.name != "id"
    ]
    return keys, measures


def _utc(target: Target) -> str:
    """Return the time column as a timestamp without zone, in UTC."""
    if target.column is None:
        raise ValueError("a roll-up needs a time column")
    name = fill("{c}", c=Ident(target.column.name))
    kind = target.column.base_type.name
    if kind == "timestamptz":
        return f"{name} at time zone 'UTC'"
    zone = fill("{z}", z=Literal(target.policy.timezone))
    return f"{name}::timestamp at time zone {zone} at time zone 'UTC'"


def _bucket(target: Target, width: Window) -> str:
    """Return the start of the bucket a row falls into, as timestamptz."""
    return _floor(_utc(target), width)


def _floor(moment: str, width: Window) -> str:
    if width.months:
        unit = "year" if width.months % 12 == 0 else "quarter" if width.months % 3 == 0 else "month"
        return f"(date_trunc('{unit}', {moment}) at time zone 'UTC')"
    seconds = width.days * 86400 + width.seconds
    return f"to_timestamp(floor(extract(epoch from {moment}) / {seconds}) * {seconds})"


def _complete(target: Target, width: Window) -> str:
    """Return the start of the bucket of now, in the column's own type: rows before it lie in whole buckets."""
    start = _floor("now() at time zone 'UTC'", width)
    if target.column is not None and target.column.base_type.name != "timestamptz":
        zone = fill("{z}", z=Literal(target.policy.timezone))
        return f"({start} at time zone {zone})"
    return start
