-- One row per constraint of a table; a constraint trigger is none of those that hold data right, and is left out.
select
    pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname) as table,
    k.conname as name,
    k.contype::text as type,
    array(
        select a.attname::text
        from pg_catalog.unnest(k.conkey) with ordinality as key (attnum, place)
        join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = key.attnum
        order by key.place
    ) as columns,
    pg_catalog.pg_get_constraintdef(k.oid) as definition,
    k.convalidated as validated,
    true as enforced,
    k.condeferrable as deferrable,
    k.condeferred as deferred,
    case when k.contype in ('p', 'u', 'x', 'f') and i.oid is not null
        then pg_catalog.json_build_object('schema', ins.nspname, 'name', i.relname)
    end as index,
    case when f.oid is not null
        then pg_catalog.json_build_object('schema', fn.nspname, 'name', f.relname)
    end as references,
    array(
        select a.attname::text
        from pg_catalog.unnest(k.confkey) with ordinality as key (attnum, place)
        join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = key.attnum
        order by key.place
    ) as referenced_columns,
    case when k.contype = 'f' then k.confupdtype::text else 'a' end as on_update,
    case when k.contype = 'f' then k.confdeltype::text else 'a' end as on_delete,
    k.conislocal as is_local,
    k.conparentid <> 0 as inherited
from pg_catalog.pg_constraint as k
join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_class as i on i.oid = k.conindid
left join pg_catalog.pg_namespace as ins on ins.oid = i.relnamespace
left join pg_catalog.pg_class as f on f.oid = k.confrelid
left join pg_catalog.pg_namespace as fn on fn.oid = f.relnamespace
where
    c.relpersistence <> 't'
    and k.contype <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    -- The text of a check constraint cannot be had while its table is locked.
    and not (k.contype = 'c' and k.conrelid = any(%(locked)s::oid[]))
order by n.nspname, c.relname, k.conname, k.contype;
