-- One row per index of a table, materialized view or partitioned table, its columns left to index_columns.sql.
select
    i.indexrelid::bigint as oid,
    n.nspname as schema,
    c.relname as name,
    pg_catalog.json_build_object('schema', tn.nspname, 'name', t.relname) as table,
    am.amname as access_method,
    i.indnkeyatts as key_columns,
    i.indexprs is not null as has_expressions,
    i.indpred is not null as has_predicate,
    -- Every text twice: as pg_get_indexdef writes it, and as people do.
    case when not i.indrelid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_expr(i.indexprs, i.indrelid)
    end as expressions,
    case when not i.indrelid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true)
    end as expressions_pretty,
    case when not i.indrelid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_expr(i.indpred, i.indrelid)
    end as predicate,
    case when not i.indrelid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_expr(i.indpred, i.indrelid, true)
    end as predicate_pretty,
    i.indisunique as is_unique,
    false as nulls_not_distinct,
    i.indisprimary as is_primary,
    i.indisexclusion as is_exclusion,
    i.indisvalid as is_valid,
    i.indisready as is_ready,
    i.indislive as is_live,
    i.indisreplident as is_replica_identity,
    i.indisclustered as is_clustered,
    b.index_relid is not null as being_built,
    k.conname as constraint,
    c.relkind = 'I' as is_partitioned,
    case when pc.oid is not null
        then pg_catalog.json_build_object('schema', pn.nspname, 'name', pc.relname)
    end as parent,
    coalesce(c.reloptions, '{}') as reloptions,
    ts.spcname as tablespace,
    c.relpages,
    c.reltuples,
    e.extname as extension,
    pg_catalog.pg_stat_get_numscans(i.indexrelid) as idx_scan,
    pg_catalog.pg_stat_get_tuples_returned(i.indexrelid) as idx_tup_read,
    pg_catalog.pg_stat_get_tuples_fetched(i.indexrelid) as idx_tup_fetch
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as t on t.oid = i.indrelid
join pg_catalog.pg_namespace as tn on tn.oid = t.relnamespace
join pg_catalog.pg_am as am on am.oid = c.relam
left join pg_catalog.pg_constraint as k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
left join pg_catalog.pg_inherits as h on h.inhrelid = i.indexrelid
left join pg_catalog.pg_class as pc on pc.oid = h.inhparent
left join pg_catalog.pg_namespace as pn on pn.oid = pc.relnamespace
left join pg_catalog.pg_tablespace as ts on ts.oid = c.reltablespace
left join (
    select distinct p.index_relid
    from pg_catalog.pg_stat_progress_create_index as p
    where p.datname = pg_catalog.current_database()
) as b on b.index_relid = i.indexrelid
left join pg_catalog.pg_depend as x
    on x.classid = 'pg_catalog.pg_class'::regclass and x.objid = i.indrelid and x.objsubid = 0 and x.deptype = 'e'
left join pg_catalog.pg_extension as e on e.oid = x.refobjid
where
    t.relkind in ('r', 'p', 'm')
    and t.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname, c.relname;
