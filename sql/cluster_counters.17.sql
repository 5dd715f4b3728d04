-- One row: checkpoints, background writer, WAL and archiver since their own resets.
select
    c.num_timed as checkpoints_timed,
    c.num_requested as checkpoints_req,
    c.write_time as checkpoint_write_time,
    c.sync_time as checkpoint_sync_time,
    c.buffers_written as buffers_checkpoint,
    b.buffers_clean,
    b.maxwritten_clean,
    io.writes as buffers_backend,
    io.fsyncs as buffers_backend_fsync,
    b.buffers_alloc,
    b.stats_reset as bgwriter_stats_reset,
    w.wal_records,
    w.wal_fpi,
    w.wal_bytes::bigint as wal_bytes,
    w.wal_buffers_full,
    w.stats_reset as wal_stats_reset,
    pg_catalog.pg_wal_lsn_diff(
        case when pg_catalog.pg_is_in_recovery()
            then pg_catalog.pg_last_wal_replay_lsn()
            else pg_catalog.pg_current_wal_lsn()
        end, '0/0'
    )::bigint as current_wal_lsn,
    a.archived_count,
    a.failed_count as archive_failed_count,
    a.last_archived_time,
    a.last_failed_time
from pg_catalog.pg_stat_bgwriter as b
cross join pg_catalog.pg_stat_checkpointer as c
-- Blocks that ordinary sessions had to write themselves.
cross join (
    select
        pg_catalog.sum(s.writes)::bigint as writes,
        pg_catalog.sum(s.fsyncs)::bigint as fsyncs
    from pg_catalog.pg_stat_io as s
    where s.backend_type = 'client backend' and s.object = 'relation'
) as io
cross join pg_catalog.pg_stat_wal as w
cross join pg_catalog.pg_stat_archiver as a
order by current_wal_lsn;
