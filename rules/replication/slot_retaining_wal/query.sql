-- one row: a permanent replication slot with the WAL it keeps
select
    s.slot_name::text as name, s.slot_type::text as type, s.active, s.wal_status,
    pg_catalog.pg_wal_lsn_diff(
        case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
            else pg_catalog.pg_current_wal_lsn() end,
        s.restart_lsn
    )::bigint as retained_bytes,
    null::text as reason, null::timestamptz as inactive_since,
    pg_catalog.current_setting('max_slot_wal_keep_size') as limit_setting,
    (select setting::bigint from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as limit_mb
from pg_catalog.pg_replication_slots as s
where not s.temporary
order by 1
