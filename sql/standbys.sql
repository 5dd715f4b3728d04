-- One row per standby or subscriber that is connected to this server; positions are bytes since 0/0.
select
    w.application_name::text as application_name,
    pg_catalog.host(w.client_addr) as client_addr,
    w.state,
    w.sync_state,
    coalesce(s.slot_type = 'logical', false) as is_logical,
    s.slot_name::text as slot_name,
    pg_catalog.pg_wal_lsn_diff(w.sent_lsn, '0/0')::bigint as sent_lsn,
    pg_catalog.pg_wal_lsn_diff(w.replay_lsn, '0/0')::bigint as replay_lsn,
    extract(epoch from w.replay_lag)::float8 as replay_lag,
    pg_catalog.age(w.backend_xmin) as backend_xmin_age
from pg_catalog.pg_stat_replication as w
left join pg_catalog.pg_replication_slots as s on s.active_pid = w.pid
order by w.application_name, w.client_addr, w.pid;
