-- One row per relation with storage: bytes of its main fork; owner is the table of an index or of a TOAST table.
select
    c.oid::bigint as oid,
    c.relkind::text as kind,
    coalesce(i.indrelid, t.oid)::bigint as owner,
    case when not c.oid = any(%(locked)s::oid[]) then pg_catalog.pg_relation_size(c.oid, 'main') end as size_bytes,
    c.relpages::bigint * pg_catalog.current_setting('block_size')::integer as estimated_bytes
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_index as i on i.indexrelid = c.oid
left join pg_catalog.pg_class as t on t.reltoastrelid = c.oid
where
    c.relkind in ('r', 'm', 't', 'i')
    and c.relpersistence <> 't'
    and n.nspname not in ('pg_catalog', 'information_schema')
order by c.oid;
