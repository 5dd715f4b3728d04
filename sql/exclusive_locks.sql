-- One row per relation of this database that a session holds, or waits for, in ACCESS EXCLUSIVE mode.
select distinct l.relation::bigint as oid
from pg_catalog.pg_locks as l
join pg_catalog.pg_database as d on d.oid = l.database
where
    l.locktype = 'relation'
    and l.mode = 'AccessExclusiveLock'
    and l.pid <> pg_catalog.pg_backend_pid()
    and d.datname = pg_catalog.current_database()
order by oid;
