-- one row: a table with triggers that are switched off
select
    t.tgrelid::regclass::text as object,
    coalesce(array_agg(t.tgname::text order by t.tgname) filter (where not t.tgisinternal), '{}') as triggers,
    coalesce(array_agg(distinct k.conname::text) filter (where t.tgisinternal), '{}') as foreign_keys
from pg_catalog.pg_trigger as t
join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_constraint as k on k.oid = t.tgconstraint
where t.tgenabled = 'D'
    and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
group by t.tgrelid
order by 1
