-- One row: how full pg_stat_statements is, over all databases, and since when it counts.
select
    pg_catalog.count(*) as entries,
    pg_catalog.count(*) filter (where d.datname is distinct from pg_catalog.current_database())
        as entries_other_databases,
    (select i.dealloc from pg_stat_statements_info as i) as dealloc,
    (select i.stats_reset from pg_stat_statements_info as i) as stats_reset
from pg_stat_statements(false) as s
left join pg_catalog.pg_database as d on d.oid = s.dbid
order by entries;
