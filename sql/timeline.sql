-- One row: the timeline a primary writes, which a promotion raises; null on a standby.
select
    case when not pg_catalog.pg_is_in_recovery()
        -- The first eight digits of a WAL file's name are the timeline in hexadecimal.
        then ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer
    end as timeline
order by timeline;
