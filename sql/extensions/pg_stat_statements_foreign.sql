-- One row per other database, present or dropped, with statements whose texts are in another encoding than ours.
select
    s.dbid::bigint as dbid,
    d.datname as database
from pg_stat_statements(false) as s
left join pg_catalog.pg_database as d on d.oid = s.dbid
where
    d.oid is null
    or d.encoding <> (
        select o.encoding from pg_catalog.pg_database as o where o.datname = pg_catalog.current_database()
    )
group by s.dbid, d.datname
order by s.dbid;
