-- one row: a database with the age of its oldest multixact, or (kind 'table') one of the oldest tables of this one
select 'database' as kind, d.datname::text as name, pg_catalog.mxid_age(d.datminmxid)::bigint as age,
    d.datname = pg_catalog.current_database() as here
from pg_catalog.pg_database as d
union all
(
    select 'table', c.oid::regclass::text,
        greatest(pg_catalog.mxid_age(c.relminmxid), pg_catalog.mxid_age(t.relminmxid))::bigint, true
    from pg_catalog.pg_class as c
    left join pg_catalog.pg_class as t on t.oid = c.reltoastrelid
    where c.relkind in ('r', 'm') and c.relminmxid <> '0'::xid
    order by 3 desc, 2
    limit 20
)
order by 1, 3 desc, 2
