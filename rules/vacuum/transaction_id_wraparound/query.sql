-- one row: a database with the age of its oldest unfrozen row, or (kind 'table') one of the oldest tables of this one
select 'database' as kind, d.datname::text as name, pg_catalog.age(d.datfrozenxid)::bigint as age,
    d.datname = pg_catalog.current_database() as here
from pg_catalog.pg_database as d
union all
(
    -- A TOAST table is vacuumed with its table, so its age counts for the table.
    select 'table', c.oid::regclass::text,
        greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.age(t.relfrozenxid))::bigint, true
    from pg_catalog.pg_class as c
    left join pg_catalog.pg_class as t on t.oid = c.reltoastrelid
    where c.relkind in ('r', 'm') and c.relfrozenxid <> '0'::xid
    order by 3 desc, 2
    limit 20
)
order by 1, 3 desc, 2
