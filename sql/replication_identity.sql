-- One row: what this server and database share with their standbys and with nobody else.
select
    pg_catalog.pg_is_in_recovery() as in_recovery,
    d.datname::text as database,
    d.oid::bigint as database_oid,
    pg_catalog.pg_postmaster_start_time() as started_at,
    case when not pg_catalog.pg_is_in_recovery()
        -- The first eight digits of a WAL file's name are the timeline in hexadecimal.
        then ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer
    end as timeline,
    case when not pg_catalog.pg_is_in_recovery()
        then pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::bigint
    end as current_lsn
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
order by d.datname;
