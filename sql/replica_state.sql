-- One row: how far a standby has got, and from where it receives; positions are bytes since 0/0.
select
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), '0/0')::bigint as receive_lsn,
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint as replay_lsn,
    pg_catalog.pg_last_xact_replay_timestamp() as last_replayed_at,
    pg_catalog.clock_timestamp() as looked_at,
    case when pg_catalog.pg_is_in_recovery() and pg_catalog.pg_is_wal_replay_paused() then 'paused' else 'not paused' end as pause_state,
    r.pid is not null as has_receiver,
    r.status as receiver_status,
    r.received_tli as received_timeline,
    r.slot_name::text as slot_name,
    r.sender_host::text as sender_host,
    -- The name under which the primary's pg_stat_replication lists this standby.
    pg_catalog.btrim(pg_catalog.substring(r.conninfo, '(?<![a-z_])application_name=(''[^'']*''|\S+)'), '''')
        as application_name,
    pg_catalog.btrim(pg_catalog.substring(r.conninfo, 'fallback_application_name=(''[^'']*''|\S+)'), '''')
        as fallback_application_name
from (select 1) as one (row)
left join pg_catalog.pg_stat_wal_receiver as r on true
order by r.pid;
