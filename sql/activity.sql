-- One row per session and server process but this one; texts of this database's sessions only.
select
    pg_catalog.clock_timestamp() as sampled_at,
    s.pid,
    s.leader_pid,
    s.datname as database,
    s.usename as role,
    s.application_name,
    coalesce(pg_catalog.host(s.client_addr), s.client_hostname) as client_addr,
    coalesce(s.backend_type, 'unknown') as backend_type,
    s.state,
    s.wait_event_type,
    s.wait_event,
    s.backend_start,
    s.xact_start,
    s.query_start,
    s.state_change,
    null::bigint as query_id,
    case when s.datname = pg_catalog.current_database() then s.query end as query,
    greatest(pg_catalog.age(s.backend_xmin), pg_catalog.age(s.backend_xid)) as xmin_age,
    -- The function stops all lock traffic for a moment: asked only for those who wait, and not in every sample.
    case when %(blockers)s and s.wait_event_type = 'Lock' then pg_catalog.pg_blocking_pids(s.pid) else '{}' end
        as blocked_by
from pg_catalog.pg_stat_activity as s
where
    s.pid <> pg_catalog.pg_backend_pid()
    and coalesce(s.leader_pid, 0) <> pg_catalog.pg_backend_pid()
order by s.pid;
