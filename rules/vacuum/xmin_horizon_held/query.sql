-- one row: something that holds the xmin horizon back, with the age it holds
select 'session' as kind, s.application_name::text as name, s.usename::text as role, s.datname::text as database,
    s.pid, s.state::text as state, 'data' as scope,
    greatest(pg_catalog.age(s.backend_xmin), pg_catalog.age(s.backend_xid))::bigint as age,
    extract(epoch from pg_catalog.clock_timestamp() - s.xact_start)::float8 as seconds
from pg_catalog.pg_stat_activity as s
where (s.backend_xmin is not null or s.backend_xid is not null)
    and s.pid <> pg_catalog.pg_backend_pid()
    and s.backend_type not in ('walsender', 'autovacuum worker')
union all
select 'prepared', p.gid, p.owner::text, p.database::text, null, null, 'data', pg_catalog.age(p.transaction)::bigint,
    extract(epoch from pg_catalog.clock_timestamp() - p.prepared)::float8
from pg_catalog.pg_prepared_xacts as p
union all
select 'slot', r.slot_name::text, null, r.database::text, r.active_pid, case when r.active then 'active' else 'inactive' end,
    case when r.xmin is null then 'catalog' else 'data' end,
    greatest(pg_catalog.age(r.xmin), pg_catalog.age(r.catalog_xmin))::bigint, null
from pg_catalog.pg_replication_slots as r
where r.xmin is not null or r.catalog_xmin is not null
union all
select 'standby', w.application_name::text, w.usename::text, null, w.pid, w.state, 'data',
    pg_catalog.age(w.backend_xmin)::bigint, null
from pg_catalog.pg_stat_replication as w
where w.backend_xmin is not null
order by age desc, kind, name
