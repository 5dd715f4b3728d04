-- one row: a prepared transaction with its age
select p.gid, p.owner::text as owner, p.database::text as database,
    p.database = pg_catalog.current_database() as here,
    extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::float8 as seconds
from pg_catalog.pg_prepared_xacts as p
order by seconds desc, p.gid
