-- One row: bytes of this database's files.
select pg_catalog.pg_database_size(d.oid) as database_size_bytes
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
order by d.datname;
