-- One row per extension that is installed in this database or could be.
select
    coalesce(e.extname, v.name) as name,
    e.extversion as version,
    n.nspname as schema,
    v.default_version
from pg_catalog.pg_available_extensions() as v
full join pg_catalog.pg_extension as e on e.extname = v.name
left join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
order by name;
