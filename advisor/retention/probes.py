"""Which questions collection must put to the server for retention: pure, so that it can be planned from a snapshot.

No probe reads a table. An end of the time column comes from an index or from a bounded number of pages, a row
count from the planner's own estimate; each says what its plan may look like, and collection checks that first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from advisor.model.catalog import Column, Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Snapshot
from advisor.retention.bounds import holds_rows, time_partitioning
from advisor.retention.detect import is_time
from advisor.retention.fill import Hole, Ident, Literal, Trusted, fill
from advisor.retention.moments import predicate_sql
from advisor.retention.policy import Policy
from advisor.retention.targets import Target, find_targets

PLANNER, ENDS, PAGES, DEFAULT_ROWS = "retention/planner", "retention/ends", "retention/pages", "retention/default_rows"
CRON_JOBS, CRON_RUNS, PARTMAN = "retention/cron_jobs", "retention/cron_runs", "retention/partman"
TIMESCALE, TIMETABLE, PGAGENT = "retention/timescale", "retention/timetable", "retention/pgagent"
FUNCTIONS = "retention/functions"
LEAF_RIGHTS, PUBLICATIONS = "retention/leaf_rights", "retention/publications"

# The first pages of a heap in insertion order: 100 pages are 800 kB, a few milliseconds.
SAMPLED_PAGES = 100
# Leaves whose ends are read; the rest of a table with more is told by its bounds or statistics.
_MOST_LEAVES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question. The answer's rows go to snapshot.facts[fact], each with `label`, `status` and `why`.

    `guard` says what the plan may be: `index` (ordered index access only), `pages` (single pages only), `plan`
    (nothing is run: the planner's row estimate is the answer), `catalog` (small catalog and extension tables).
    """

    fact: str
    subject: str  # the table as SQL text, or the extension
    sql: str
    guard: str
    label: dict[str, Any] = field(default_factory=dict)
    grant: str | None = None  # what would let this role ask


def plan_probes(snapshot: Snapshot, catalog: Catalog, policy: Policy | None) -> tuple[Probe, ...]:
    """Return the probes for every table with a window, for default partitions and for schedulers."""
    found: list[Probe] = []
    for target in find_targets(catalog, policy).found:
        found += _table_probes(target, snapshot, catalog)
    found += _default_partition_probes(snapshot, catalog)
    found += _scheduler_probes(snapshot)
    found += _partition_probes(snapshot)
    return tuple(found)


def _table_probes(target: Target, snapshot: Snapshot, catalog: Catalog) -> Iterator[Probe]:
    column = target.column
    if column is None:
        # A number of unknown unit: its own ends tell the unit.
        if (
            target.choice.candidate is None
            or target.choice.candidate.unit is not None
            or is_time(target.choice.candidate.column)
        ):
            return
        column = target.choice.candidate.column
    grant = fill(
        "grant select ({c}) on {t} to {r}", c=Ident(column.name), t=target.relation, r=Ident(snapshot.server.user)
    )
    if target.keep is not None and target.column is not None:
        yield Probe(
            fact=PLANNER,
            subject=str(target.relation),
            sql=fill("select 1 from {t} where {w}", t=target.relation, w=Trusted(expired_condition(target))),
            guard="plan",
            label={"column": column.name, "keep": str(target.keep)},
            grant=grant,
        )
    for leaf in leaves_to_ask(target.table, column, catalog):
        index = time_index(leaf.relation, column, catalog)
        label = {"column": column.name, "leaf": str(leaf.relation)}
        if index is not None:
            sql = _ends_sql(leaf.relation, column, index)
            yield Probe(fact=ENDS, subject=str(target.relation), sql=sql, guard="index", label=label, grant=grant)
        else:
            known = target.keep is not None and target.column is not None
            sql = _pages_sql(leaf, column, expired_condition(target) if known else "false", snapshot.server.major)
            label |= {"keep": str(target.keep)}
            yield Probe(fact=PAGES, subject=str(target.relation), sql=sql, guard="pages", label=label, grant=grant)


def expired_condition(target: Target) -> str:
    """Return the SQL condition for rows of `target` past their window, rows to keep longer left out."""
    column, keep = target.column, target.keep
    if column is None or keep is None:
        raise ValueError(f"{target.relation} has no window to compare with")
    policy = target.policy
    condition = predicate_sql(column, keep, target.unit, policy.timezone)
    if policy.keep_where is not None:
        stays = f"coalesce(({policy.keep_where}), false)"
        if policy.keep_where_max is not None:
            late = predicate_sql(column, policy.keep_where_max, target.unit, policy.timezone)
            return f"{condition} and (not {stays} or {late})"
        return f"{condition} and not {stays}"
    return condition


def time_index(relation: RelationName, column: Column, catalog: Catalog) -> Index | None:
    """Return a usable B-tree of `relation` that begins with `column`, the smallest, or None."""
    usable = [index for index in catalog.indexes_by_table.get(relation, ()) if leads_with(index, column)]
    return min(usable, key=lambda i: (i.size_bytes or 0, i.name), default=None)


def leads_with(index: Index, column: Column) -> bool:
    """Return whether a whole-table B-tree in the type's own order begins with `column`."""
    return (
        index.access_method == "btree"
        and index.predicate is None
        and index.is_valid
        and index.is_ready
        and index.is_live
        and bool(index.columns)
        and index.columns[0].column == column.name
        and index.columns[0].opclass_is_default
    )


def leaves_to_ask(table: Table, column: Column, catalog: Catalog) -> tuple[Table, ...]:
    """Return the tables with storage whose ends tell those of `table`: its oldest and newest partitions, or all."""
    partitioning = time_partitioning(table, catalog)
    if partitioning is not None and partitioning.column.name == column.name:
        filled = [leaf.table for leaf in partitioning.leaves if holds_rows(leaf.table, catalog)]
        asked = [*filled[:2], *filled[-1:]]
        if partitioning.default is not None and holds_rows(partitioning.default, catalog):
            asked.append(partitioning.default)
        found = [leaf for child in asked for leaf in catalog.leaves(child.relation)]
    else:
        found = list(catalog.leaves(table.relation))
    unique = {leaf.relation: leaf for leaf in found if leaf.kind == "r"}
    return tuple(unique.values())[:_MOST_LEAVES]


def _finite(column: Column) -> str:
    """Return a condition that leaves out NULL, the infinities and zero epochs, and that an index can serve."""
    name = quote_ident(column.name)
    if is_time(column):
        return f"{name} > '-infinity' and {name} < 'infinity'"
    return f"{name} > 0"


def _ends_sql(relation: RelationName, column: Column, index: Index) -> str:
    first = index.columns[0]
    # NULLS must be ordered as in the index (or all the other way round), or the planner would sort the table.
    nulls_last_ascending = first.nulls_first if first.descending else not first.nulls_first
    ascending, descending = ("last", "first") if nulls_last_ascending else ("first", "last")
    holes: dict[str, Hole] = {
        "c": Ident(column.name), "t": relation, "finite": Trusted(_finite(column)),
        "up": Trusted(ascending), "down": Trusted(descending),
    }  # fmt: skip
    return fill(
        "select (select x.{c}::text from only {t} x where {finite} order by x.{c} asc nulls {up} limit 1) as oldest,"
        " (select x.{c}::text from only {t} x where {finite} order by x.{c} desc nulls {down} limit 1) as newest",
        **holes,
    )


def _pages_sql(leaf: Table, column: Column, expired: str, major: int) -> str:
    holes: dict[str, Hole] = {
        "c": Ident(column.name), "t": leaf.relation, "finite": Trusted(_finite(column)),
        "name": Literal(str(leaf.relation)),
    }  # fmt: skip
    # Before 14 there is no scan of a ctid range, so every possible line of the pages is asked for.
    window = (
        "ctid < '({pages},0)'::tid"
        if major >= 14
        else "ctid = any (array(select format('(%s,%s)', page, line)::tid"
        " from generate_series(0, {pages} - 1) page, generate_series(1, 291) line))"
    )
    return fill(
        "select min({c}) filter (where {finite})::text as oldest, max({c}) filter (where {finite})::text as newest,"
        " count(*) as rows, count(*) filter (where {expired}) as expired,"
        " pg_catalog.pg_relation_size({name}::regclass) / current_setting('block_size')::bigint as pages"
        " from only {t} where {window}",
        expired=Trusted(expired),
        window=Trusted(fill(window, pages=SAMPLED_PAGES)),
        **holes,
    )


def _default_partition_probes(snapshot: Snapshot, catalog: Catalog) -> Iterator[Probe]:
    for table in snapshot.tables:
        if not (table.is_partition and table.is_default_partition and table.kind == "r" and holds_rows(table, catalog)):
            continue
        column = catalog.columns.get(table.relation, {})
        first = min(column.values(), key=lambda c: c.attnum, default=None)
        if first is None:
            continue
        template = "select true as found from only {t} where ctid < '({pages},0)'::tid limit 1"
        if snapshot.server.major < 14:
            template = (
                "select true as found from only {t} where ctid = any (array(select format('(%s,%s)', page, line)::tid"
                " from generate_series(0, {pages} - 1) page, generate_series(1, 291) line)) limit 1"
            )
        yield Probe(
            fact=DEFAULT_ROWS,
            subject=str(table.relation),
            sql=fill(template, t=table.relation, pages=SAMPLED_PAGES),
            guard="pages",
            grant=fill("grant select on {t} to {r}", t=table.relation, r=Ident(snapshot.server.user)),
        )


def _scheduler_probes(snapshot: Snapshot) -> Iterator[Probe]:
    installed = {e.name: e for e in snapshot.extensions if e.version is not None}
    role = Ident(snapshot.server.user)
    if "pg_cron" in installed:
        grant = fill("grant usage on schema cron to {r}; grant select on cron.job, cron.job_run_details to {r}", r=role)
        yield Probe(
            fact=CRON_JOBS, subject="pg_cron", guard="catalog", grant=grant,
            sql="select to_jsonb(j) as job from cron.job j order by j.jobid limit 2000",
        )  # fmt: skip
        yield Probe(
            fact=CRON_RUNS, subject="pg_cron", guard="catalog", grant=grant,
            sql="select r.jobid, r.status, left(r.return_message, 500) as return_message,"
            " r.start_time::text as start_time from cron.job_run_details r order by r.runid desc limit 1000",
        )  # fmt: skip
    if "pg_partman" in installed:
        schema = installed["pg_partman"].schema or "public"
        table = RelationName(schema, "part_config")
        yield Probe(
            fact=PARTMAN, subject="pg_partman", guard="catalog",
            grant=fill(
                "grant usage on schema {s} to {r}; grant select on {t} to {r}", s=Ident(schema), t=table, r=role
            ),
            sql=fill("select to_jsonb(c) as config from {t} c order by c.parent_table limit 5000", t=table),
        )  # fmt: skip
    if "timescaledb" in installed:
        yield Probe(
            fact=TIMESCALE, subject="timescaledb", guard="catalog",
            grant=fill("grant usage on schema timescaledb_information to {r}", r=role),
            sql="select to_jsonb(j) as job from timescaledb_information.jobs j"
            " where j.proc_name = 'policy_retention' limit 2000",
        )  # fmt: skip
    if "pgagent" in installed:
        yield Probe(
            fact=PGAGENT, subject="pgagent", guard="catalog",
            grant=fill(
                "grant usage on schema pgagent to {r}; grant select on all tables in schema pgagent to {r}", r=role
            ),
            sql="select j.jobname, j.jobenabled, s.jstcode, s.jstenabled, s.jstdbname from pgagent.pga_jobstep s"
            " join pgagent.pga_job j on j.jobid = s.jstjobid order by s.jstid limit 2000",
        )  # fmt: skip
    if any(t.schema == "timetable" and t.name == "task" for t in snapshot.tables):
        yield Probe(
            fact=TIMETABLE, subject="pg_timetable", guard="catalog",
            grant=fill(
                "grant usage on schema timetable to {r}; grant select on all tables in schema timetable to {r}", r=role
            ),
            sql="select to_jsonb(c) as chain, to_jsonb(t) as task from timetable.task t"
            " join timetable.chain c using (chain_id) order by t.task_id limit 2000",
        )  # fmt: skip
    body = "p.prosrc"
    if snapshot.server.major >= 14:
        body = "coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)"
    yield Probe(
        fact=FUNCTIONS, subject="functions", guard="catalog",
        sql=fill(
            "select n.nspname as schema, p.proname as name, left({body}, 20000) as source, exists (select 1"
            " from pg_catalog.pg_trigger g where g.tgfoid = p.oid and not g.tgisinternal and g.tgenabled <> 'D')"
            " as is_trigger from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
            " join pg_catalog.pg_language l on l.oid = p.prolang"
            " where p.prokind in ('f', 'p') and l.lanname not in ('c', 'internal')"
            " and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'"
            " and not exists (select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass"
            " and d.objid = p.oid and d.deptype = 'e')"
            " and {body} ~* '\\m(delete|drop|truncate|detach)\\M' order by 1, 2 limit 1000",
            body=Trusted(body),
        ),
    )  # fmt: skip


def _partition_probes(snapshot: Snapshot) -> Iterator[Probe]:
    """What the snapshot's tables do not tell of partitions: who may read them, and which publications name the root."""
    roots = [t for t in snapshot.tables if t.kind == "p" and not t.is_partition]
    if any(t.row_security for t in roots):
        yield Probe(
            fact=LEAF_RIGHTS, subject="partitions", guard="catalog",
            sql="select p.oid::regclass::text as root, c.oid::regclass::text as leaf, json_agg(distinct"
            " case a.grantee when 0 then 'PUBLIC' else pg_catalog.pg_get_userbyid(a.grantee)::text end) as roles"
            " from pg_catalog.pg_inherits i join pg_catalog.pg_class p on p.oid = i.inhparent"
            " join pg_catalog.pg_class c on c.oid = i.inhrelid, pg_catalog.aclexplode(c.relacl) a"
            " where p.relkind = 'p' and p.relrowsecurity and not c.relrowsecurity and a.grantee <> c.relowner"
            " and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"
            " group by p.oid, c.oid order by 1, 2 limit 1000",
        )  # fmt: skip
    if roots:
        yield Probe(
            fact=PUBLICATIONS, subject="partitions", guard="catalog",
            sql="select b.pubname as publication, p.oid::regclass::text as root from pg_catalog.pg_publication_rel r"
            " join pg_catalog.pg_publication b on b.oid = r.prpubid join pg_catalog.pg_class p on p.oid = r.prrelid"
            " where p.relkind = 'p' and not b.pubviaroot order by 1, 2 limit 1000",
        )  # fmt: skip
