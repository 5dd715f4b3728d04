-- One row: what pg_stat_database has counted for this database.
select
    s.stats_reset,
    s.numbackends,
    s.xact_commit,
    s.xact_rollback,
    s.blks_read,
    s.blks_hit,
    s.tup_returned,
    s.tup_fetched,
    s.tup_inserted,
    s.tup_updated,
    s.tup_deleted,
    s.temp_files,
    s.temp_bytes,
    s.deadlocks,
    s.conflicts,
    s.blk_read_time,
    s.blk_write_time,
    s.checksum_failures,
    s.session_time,
    s.active_time,
    s.idle_in_transaction_time,
    s.sessions,
    s.sessions_abandoned,
    s.sessions_fatal,
    s.sessions_killed
from pg_catalog.pg_stat_database as s
where s.datname = pg_catalog.current_database()
order by s.datname;
