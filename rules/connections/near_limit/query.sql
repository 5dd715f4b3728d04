-- one row: connections in use and the limits, readable for every role
select
    (select coalesce(sum(d.numbackends), 0)::bigint from pg_catalog.pg_stat_database as d) as used,
    pg_catalog.current_setting('max_connections')::int as max_connections,
    pg_catalog.current_setting('superuser_reserved_connections')::int
    + coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) as reserved
order by 1
