-- One row per index that was used on this server since its statistics' reset.
select
    s.schemaname::text as schema,
    s.indexrelname::text as name,
    s.idx_scan,
    s.idx_tup_read,
    s.idx_tup_fetch,
    s.last_idx_scan
from pg_catalog.pg_stat_all_indexes as s
where s.schemaname !~ '^pg_' and s.schemaname <> 'information_schema' and s.idx_scan > 0
order by s.schemaname, s.indexrelname;
