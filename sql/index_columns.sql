-- One row per key or included column of an index, in order; column is null for an expression.
with recursive domains as (
    select t.oid as domain, t.typbasetype as base
    from pg_catalog.pg_type as t
    where t.typtype = 'd'
    union all
    select d.domain, t.typbasetype
    from domains as d
    join pg_catalog.pg_type as t on t.oid = d.base and t.typtype = 'd'
),

bases as (
    select d.domain, d.base
    from domains as d
    join pg_catalog.pg_type as t on t.oid = d.base and t.typtype <> 'd'
)

select
    ia.attrelid::bigint as oid,
    ia.attnum as position,
    a.attname as column,
    case when oc.oid is not null
        then pg_catalog.json_build_object('schema', ocn.nspname, 'name', oc.opcname)
    end as opclass,
    -- The default of its type: the flag alone is not enough where the type (citext) has a default of its own.
    coalesce(oc.opcdefault and (own.oid is null or own.oid = oc.oid), true) as opclass_is_default,
    case when co.oid is not null
        then pg_catalog.json_build_object('schema', con.nspname, 'name', co.collname)
    end as collation,
    -- The catalog does not tell an expression's own collation: that of a column it reads counts as its own.
    case
        when co.oid is null or co.oid = coalesce(a.attcollation, it.typcollation) then true
        when a.attnum is not null then false
        when co.collname = 'default' then true
        else exists (
            select 1
            from pg_catalog.pg_depend as dep
            join pg_catalog.pg_attribute as da on da.attrelid = dep.refobjid and da.attnum = dep.refobjsubid
            where
                dep.classid = 'pg_catalog.pg_class'::regclass
                and dep.objid = i.indexrelid
                and dep.refobjid = i.indrelid
                and da.attcollation = co.oid
        )
    end as collation_is_default,
    coalesce(ia.attoptions, '{}') as options,
    -- indoption has no entry for included columns; bit 1 is descending, bit 2 nulls first.
    coalesce(i.indoption[ia.attnum - 1] & 1 = 1, false) as descending,
    coalesce(i.indoption[ia.attnum - 1] & 2 = 2, false) as nulls_first
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as t on t.oid = i.indrelid
join pg_catalog.pg_attribute as ia on ia.attrelid = i.indexrelid and ia.attnum > 0
join pg_catalog.pg_type as it on it.oid = ia.atttypid
-- int2vector, oidvector: their subscripts start at 0.
left join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[ia.attnum - 1]
left join pg_catalog.pg_opclass as oc on oc.oid = i.indclass[ia.attnum - 1]
left join pg_catalog.pg_namespace as ocn on ocn.oid = oc.opcnamespace
left join bases as b on b.domain = a.atttypid
left join pg_catalog.pg_opclass as own
    on own.opcmethod = oc.opcmethod and own.opcdefault and own.opcintype = coalesce(b.base, a.atttypid)
left join pg_catalog.pg_collation as co on co.oid = i.indcollation[ia.attnum - 1]
left join pg_catalog.pg_namespace as con on con.oid = co.collnamespace
where
    t.relkind in ('r', 'p', 'm')
    and t.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by ia.attrelid, ia.attnum;
