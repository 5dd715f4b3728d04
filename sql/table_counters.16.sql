-- One row per table or materialized view: its counters since the statistics reset; oid is the key.
select
    s.relid::bigint as oid,
    s.seq_scan,
    s.seq_tup_read,
    s.idx_scan,
    s.idx_tup_fetch,
    s.n_tup_ins,
    s.n_tup_upd,
    s.n_tup_del,
    s.n_tup_hot_upd,
    s.n_live_tup,
    s.n_dead_tup,
    s.n_mod_since_analyze,
    s.n_ins_since_vacuum,
    s.last_vacuum,
    s.last_autovacuum,
    s.last_analyze,
    s.last_autoanalyze,
    s.vacuum_count,
    s.autovacuum_count,
    s.analyze_count,
    s.autoanalyze_count,
    pg_catalog.pg_stat_get_blocks_fetched(s.relid) - pg_catalog.pg_stat_get_blocks_hit(s.relid) as heap_blks_read,
    pg_catalog.pg_stat_get_blocks_hit(s.relid) as heap_blks_hit,
    s.n_tup_newpage_upd,
    s.last_seq_scan,
    s.last_idx_scan
from pg_catalog.pg_stat_all_tables as s
where s.schemaname !~ '^pg_' and s.schemaname <> 'information_schema'
order by s.schemaname, s.relname;
