-- one row: an enabled subscription of this database without an apply worker
select s.subname::text as name, e.apply_error_count as errors
from pg_catalog.pg_subscription as s
join pg_catalog.pg_database as d on d.oid = s.subdbid and d.datname = pg_catalog.current_database()
left join pg_catalog.pg_stat_subscription_stats as e on e.subid = s.oid
where s.subenabled
    and not exists (
        select from pg_catalog.pg_stat_subscription as w
        where w.subid = s.oid and w.relid is null and w.pid is not null
    )
order by 1
