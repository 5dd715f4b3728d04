-- one row: a vacuum that runs now in this database, with the memory it may use for dead rows
select p.relid::pg_catalog.regclass::text as object, p.phase, p.index_vacuum_count::bigint as passes,
    coalesce(s.backend_type <> 'autovacuum worker', true) as manual,
    pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) as maintenance_work_mem,
    pg_catalog.pg_size_bytes(pg_catalog.current_setting('autovacuum_work_mem')) as autovacuum_work_mem
from pg_catalog.pg_stat_progress_vacuum as p
join pg_catalog.pg_class as c on c.oid = p.relid and c.relpersistence <> 't'
left join pg_catalog.pg_stat_activity as s on s.pid = p.pid
where p.datname = pg_catalog.current_database()
order by object
