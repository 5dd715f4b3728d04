-- one row: a connected standby or subscriber with what it lacks
select
    w.application_name::text as name, w.client_addr::text as address, w.state, w.sync_state,
    extract(epoch from w.replay_lag)::float8 as seconds,
    pg_catalog.pg_wal_lsn_diff(head.lsn, w.replay_lsn)::bigint as lag_bytes,
    pg_catalog.pg_wal_lsn_diff(head.lsn, w.sent_lsn)::bigint as sent_bytes
from pg_catalog.pg_stat_replication as w,
    (
        select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
            else pg_catalog.pg_current_wal_lsn() end as lsn
    ) as head
order by 1, 2
