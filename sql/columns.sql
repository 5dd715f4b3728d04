-- One row per column of a table, partitioned table, materialized view, foreign table or view.
with recursive domains as (
    select t.oid as domain, t.typbasetype as base
    from pg_catalog.pg_type as t
    where t.typtype = 'd'
    union all
    select d.domain, t.typbasetype
    from domains as d
    join pg_catalog.pg_type as t on t.oid = d.base and t.typtype = 'd'
),

types as (
    select
        t.oid,
        pg_catalog.json_build_object('schema', tn.nspname, 'name', t.typname) as type_name,
        pg_catalog.json_build_object('schema', bn.nspname, 'name', b.typname) as base_type,
        b.typcategory::text as type_category
    from pg_catalog.pg_type as t
    join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
    left join (
        select d.domain, d.base
        from domains as d
        join pg_catalog.pg_type as last on last.oid = d.base and last.typtype <> 'd'
    ) as d on d.domain = t.oid
    join pg_catalog.pg_type as b on b.oid = coalesce(d.base, t.oid)
    join pg_catalog.pg_namespace as bn on bn.oid = b.typnamespace
)

select
    pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname) as table,
    a.attnum,
    a.attname as name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    t.type_name,
    t.base_type,
    t.type_category,
    a.attnotnull as not_null,
    case when not c.oid = any(%(locked)s::oid[]) then pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) end as default,
    a.attgenerated::text as generated,
    a.attidentity::text as identity,
    case when co.oid is not null
        then pg_catalog.json_build_object('schema', con.nspname, 'name', co.collname)
    end as collation,
    a.attlen as typlen,
    a.attalign::text as typalign,
    a.attbyval as typbyval,
    coalesce(a.attoptions, '{}') as attoptions,
    nullif(a.attstattarget, -1) as statistics_target,
    a.attislocal as is_local,
    cd.description as comment
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join types as t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef as ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
left join pg_catalog.pg_collation as co on co.oid = a.attcollation
left join pg_catalog.pg_namespace as con on con.oid = co.collnamespace
left join pg_catalog.pg_description as cd
    on cd.classoid = 'pg_catalog.pg_class'::regclass and cd.objoid = a.attrelid and cd.objsubid = a.attnum
where
    a.attnum > 0
    and not a.attisdropped
    and c.relkind in ('r', 'p', 'm', 'f', 'v')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname, c.relname, a.attnum;
