SET lock_timeout = '2s';
-- expect: vacuum_full_or_cluster
VACUUM FULL orders;
-- expect: vacuum_full_or_cluster
CLUSTER orders USING orders_pkey;
-- expect: reindex_blocking
REINDEX TABLE orders;
-- expect: matview_refresh_blocking
REFRESH MATERIALIZED VIEW report;
-- expect: storage_rewrite
ALTER TABLE orders SET UNLOGGED;
-- expect: explicit_exclusive_lock
BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE; COMMIT;
