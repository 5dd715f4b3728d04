-- One row per table, partitioned table, partition, materialized view, foreign table or view, temporary ones left out.
select
    c.oid::bigint as oid,
    n.nspname as schema,
    c.relname as name,
    c.relkind::text as kind,
    pg_catalog.pg_get_userbyid(c.relowner) as owner,
    c.relpersistence::text as persistence,
    am.amname as access_method,
    ts.spcname as tablespace,
    coalesce(c.reloptions, '{}') as reloptions,
    c.relpages,
    c.reltuples,
    c.relallvisible,
    case when c.relfrozenxid <> '0' then pg_catalog.age(c.relfrozenxid) end as relfrozenxid_age,
    case when c.relminmxid <> '0' then pg_catalog.mxid_age(c.relminmxid) end as relminmxid_age,
    c.relrowsecurity as row_security,
    c.relforcerowsecurity as force_row_security,
    c.relreplident::text as replica_identity,
    p.partstrat::text as partition_strategy,
    case when p.partrelid is not null and not c.oid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_partkeydef(c.oid)
    end as partition_key,
    array(
        select a.attname::text
        from pg_catalog.unnest(p.partattrs) with ordinality as k (attnum, place)
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
        order by k.place
    ) as partition_key_columns,
    array(
        select pg_catalog.json_build_object('schema', pn.nspname, 'name', pc.relname)
        from pg_catalog.pg_inherits as h
        join pg_catalog.pg_class as pc on pc.oid = h.inhparent
        join pg_catalog.pg_namespace as pn on pn.oid = pc.relnamespace
        where h.inhrelid = c.oid
        order by h.inhseqno
    ) as parents,
    c.relispartition as is_partition,
    case when c.relispartition and not c.oid = any(%(locked)s::oid[])
        then pg_catalog.pg_get_expr(c.relpartbound, c.oid)
    end as partition_bound,
    dp.partrelid is not null as is_default_partition,
    exists (
        select 1 from pg_catalog.pg_inherits as h where h.inhrelid = c.oid and h.inhdetachpending
    ) as detach_pending,
    case when t.oid is not null
        then pg_catalog.json_build_object('schema', tn.nspname, 'name', t.typname)
    end as of_type,
    e.extname as extension,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_am as am on am.oid = c.relam
left join pg_catalog.pg_tablespace as ts on ts.oid = c.reltablespace
left join pg_catalog.pg_partitioned_table as p on p.partrelid = c.oid
left join pg_catalog.pg_partitioned_table as dp on dp.partdefid = c.oid
left join pg_catalog.pg_type as t on t.oid = c.reloftype
left join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
left join pg_catalog.pg_depend as x
    on x.classid = 'pg_catalog.pg_class'::regclass and x.objid = c.oid and x.objsubid = 0 and x.deptype = 'e'
left join pg_catalog.pg_extension as e on e.oid = x.refobjid
where
    c.relkind in ('r', 'p', 'm', 'f', 'v')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname, c.relname;
