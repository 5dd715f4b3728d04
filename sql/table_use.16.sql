-- One row per table that was read on this server since its statistics' reset.
select
    s.schemaname::text as schema,
    s.relname::text as name,
    s.seq_scan,
    s.seq_tup_read,
    coalesce(s.idx_scan, 0) as idx_scan,
    coalesce(s.idx_tup_fetch, 0) as idx_tup_fetch,
    pg_catalog.pg_stat_get_blocks_fetched(s.relid) - pg_catalog.pg_stat_get_blocks_hit(s.relid) as heap_blks_read,
    pg_catalog.pg_stat_get_blocks_hit(s.relid) as heap_blks_hit,
    s.last_seq_scan,
    s.last_idx_scan
from pg_catalog.pg_stat_all_tables as s
where
    s.schemaname !~ '^pg_'
    and s.schemaname <> 'information_schema'
    and (s.seq_scan > 0 or s.idx_scan > 0)
order by s.schemaname, s.relname;
