"""A snapshot of a small test database, read with a few plain queries: enough for the index search."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from advisor.model.catalog import Column, Constraint, Index, IndexColumn, Table
from advisor.model.names import RelationName
from advisor.model.server import Extension, Server
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import ColumnStatistics, SchemaObject

_USER = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'"


def take_snapshot(connection: psycopg.Connection[Any]) -> Snapshot:
    """Return what the search needs to know of the connected database."""
    version = int(connection.execute("select current_setting('server_version_num')").fetchone()[0])
    server = Server(
        version_num=version, version=str(version), database="d", user="u", is_superuser=True, in_recovery=False,
        started_at=None, collected_at=datetime.now(UTC), encoding="UTF8", lc_collate="C.UTF-8", lc_ctype="C.UTF-8",
    )  # fmt: skip
    tables = tuple(_tables(connection))
    return Snapshot(
        tool_version="test",
        server=server,
        settings=(),
        tables=tables,
        columns=tuple(_columns(connection)),
        indexes=tuple(_indexes(connection)),
        constraints=tuple(_constraints(connection)),
        statistics=tuple(_statistics(connection)),
        schema_objects=tuple(_views(connection)),
        extensions=tuple(
            Extension(name=name, version=installed, schema=schema, default_version=default)
            for name, installed, schema, default in connection.execute(
                "select a.name, e.extversion, n.nspname, a.default_version from pg_available_extensions a "
                "left join pg_extension e on e.extname = a.name left join pg_namespace n on n.oid = e.extnamespace"
            )
        ),
    )


def _tables(connection: psycopg.Connection[Any]) -> list[Table]:
    rows = connection.execute(
        f"""select c.oid, n.nspname, c.relname, c.relkind::text, c.relpages, c.reltuples, c.relallvisible,
                   case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) end,
                   pn.nspname, pc.relname, c.relispartition, p.partstrat::text
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            left join pg_inherits i on i.inhrelid = c.oid
            left join pg_class pc on pc.oid = i.inhparent left join pg_namespace pn on pn.oid = pc.relnamespace
            left join pg_partitioned_table p on p.partrelid = c.oid
            where c.relkind in ('r', 'p', 'm', 'v') and {_USER} order by 2, 3"""
    ).fetchall()
    return [
        Table(
            oid=r[0], schema=r[1], name=r[2], kind=r[3], owner="u", relpages=r[4], reltuples=r[5], relallvisible=r[6],
            size_bytes=r[7], parent=RelationName(r[8], r[9]) if r[8] else None, is_partition=r[10],
            partition_strategy=r[11],
        )
        for r in rows
    ]  # fmt: skip


def _columns(connection: psycopg.Connection[Any]) -> list[Column]:
    rows = connection.execute(
        f"""select n.nspname, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), tn.nspname,
                   t.typname, bn.nspname, b.typname, b.typcategory::text, a.attnotnull, a.attlen, a.attalign::text,
                   a.attbyval, cn.nspname, co.collname
            from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
            join pg_type t on t.oid = a.atttypid join pg_namespace tn on tn.oid = t.typnamespace
            join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
            join pg_namespace bn on bn.oid = b.typnamespace
            left join pg_collation co on co.oid = a.attcollation left join pg_namespace cn on cn.oid = co.collnamespace
            where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'm', 'v') and {_USER}
            order by 1, 2, 3"""
    ).fetchall()
    return [
        Column(
            table=RelationName(r[0], r[1]), attnum=r[2], name=r[3], type=r[4], type_name=RelationName(r[5], r[6]),
            base_type=RelationName(r[7], r[8]), type_category=r[9], not_null=r[10], typlen=r[11], typalign=r[12],
            typbyval=r[13], collation=RelationName(r[14], r[15]) if r[15] else None,
        )
        for r in rows
    ]  # fmt: skip


def _indexes(connection: psycopg.Connection[Any]) -> list[Index]:
    rows = connection.execute(
        f"""select i.indexrelid, n.nspname, c.relname, tn.nspname, t.relname, am.amname,
                   pg_get_indexdef(i.indexrelid), i.indnkeyatts, i.indnatts, i.indisunique, i.indisprimary,
                   i.indisvalid, pg_get_expr(i.indpred, i.indrelid), c.relkind::text, c.relpages, c.reltuples,
                   pg_relation_size(c.oid), pn.nspname, pc.relname, k.conname, i.indisreplident, s.idx_scan,
                   i.indisready, i.indislive
            from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
            join pg_class t on t.oid = i.indrelid join pg_namespace tn on tn.oid = t.relnamespace
            join pg_am am on am.oid = c.relam left join pg_inherits h on h.inhrelid = c.oid
            left join pg_class pc on pc.oid = h.inhparent left join pg_namespace pn on pn.oid = pc.relnamespace
            left join pg_constraint k on k.conindid = c.oid and k.contype in ('p', 'u', 'x')
            left join pg_stat_all_indexes s on s.indexrelid = c.oid
            where {_USER} order by 2, 3"""
    ).fetchall()
    found = []
    for r in rows:
        columns = connection.execute(
            """select k.n, a.attname, case when i.indkey[k.n - 1] = 0 then pg_get_indexdef(i.indexrelid, k.n, true) end,
                      i.indoption[k.n - 1], opn.nspname, op.opcname, op.opcdefault
               from pg_index i cross join generate_series(1, %s) as k(n)
               left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.n - 1] and a.attnum > 0
               left join pg_opclass op on k.n <= i.indnkeyatts and op.oid = i.indclass[k.n - 1]
               left join pg_namespace opn on opn.oid = op.opcnamespace
               where i.indexrelid = %s order by 1""",
            (r[8], r[0]),
        ).fetchall()
        keys = tuple(
            IndexColumn(
                column=c[1], expression=c[2], opclass=RelationName(c[4], c[5]) if c[5] else None,
                opclass_is_default=c[6] is not False, descending=bool((c[3] or 0) & 1),
                nulls_first=bool((c[3] or 0) & 2),
            )
            for c in columns[: r[7]]
        )  # fmt: skip
        found.append(
            Index(
                oid=r[0], schema=r[1], name=r[2], table=RelationName(r[3], r[4]), access_method=r[5], definition=r[6],
                columns=keys, include=tuple(c[1] for c in columns[r[7] :]), predicate=r[12], is_unique=r[9],
                is_primary=r[10], is_valid=r[11], is_ready=r[22], is_live=r[23], is_partitioned=r[13] == "I",
                relpages=r[14], reltuples=r[15], size_bytes=r[16], parent=RelationName(r[17], r[18]) if r[17] else None,
                constraint=r[19], is_replica_identity=r[20], idx_scan=r[21],
            )
        )  # fmt: skip
    return found


def _constraints(connection: psycopg.Connection[Any]) -> list[Constraint]:
    rows = connection.execute(
        f"""select n.nspname, c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid), rn.nspname, r.relname,
                   array(select a.attname::text from unnest(k.conkey) with ordinality as u(n, o)
                         join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.o),
                   array(select a.attname::text from unnest(k.confkey) with ordinality as u(n, o)
                         join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.o),
                   k.confdeltype::text
            from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
            left join pg_class r on r.oid = k.confrelid left join pg_namespace rn on rn.oid = r.relnamespace
            where {_USER} and k.contype in ('p', 'u', 'f', 'c') order by 1, 2, 3"""
    ).fetchall()
    return [
        Constraint(
            table=RelationName(r[0], r[1]), name=r[2], type=r[3], columns=tuple(r[7]), definition=r[4],
            references=RelationName(r[5], r[6]) if r[6] else None, referenced_columns=tuple(r[8]),
            on_delete=r[9].strip() or "a",
        )
        for r in rows
    ]  # fmt: skip


def _statistics(connection: psycopg.Connection[Any]) -> list[ColumnStatistics]:
    rows = connection.execute(
        """select s.schemaname, s.tablename, s.attname, a.attnum, s.inherited, s.null_frac, s.avg_width, s.n_distinct,
                  s.most_common_vals::text, s.most_common_freqs::float8[], s.histogram_bounds::text, s.correlation,
                  s.most_common_elems::text, s.most_common_elem_freqs::float8[], s.elem_count_histogram::float8[]
           from pg_stats s join pg_namespace n on n.nspname = s.schemaname
           join pg_class c on c.relnamespace = n.oid and c.relname = s.tablename
           join pg_attribute a on a.attrelid = c.oid and a.attname = s.attname
           where n.nspname not in ('pg_catalog', 'information_schema')"""
    ).fetchall()
    return [
        ColumnStatistics(
            relation=RelationName(r[0], r[1]), column=r[2], attnum=r[3], inherited=r[4], null_frac=r[5], avg_width=r[6],
            n_distinct=r[7], most_common_vals=r[8], most_common_freqs=tuple(r[9]) if r[9] else None,
            histogram_bounds=r[10], correlation=r[11], most_common_elems=r[12],
            most_common_elem_freqs=tuple(r[13]) if r[13] else None,
            elem_count_histogram=tuple(r[14]) if r[14] else None,
        )
        for r in rows
    ]  # fmt: skip


def _views(connection: psycopg.Connection[Any]) -> list[SchemaObject]:
    rows = connection.execute(
        "select schemaname, viewname, definition from pg_views "
        "where schemaname not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    return [
        SchemaObject(kind="view", schema=s, name=v, ddl=f"create view {s}.{v} as {text}", order=0)
        for s, v, text in rows
    ]
