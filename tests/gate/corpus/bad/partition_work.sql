-- options: schema=shop
SET lock_timeout = '2s';
-- expect: partition_attach_scan, partition_default_scan
ALTER TABLE measurements ATTACH PARTITION measurements_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- expect: partition_detach_blocking
ALTER TABLE measurements DETACH PARTITION measurements_2024;
-- expect: concurrently_on_partitioned
CREATE INDEX CONCURRENTLY ON measurements (value);
-- expect: inherited_column_conflict
ALTER TABLE measurements_default ADD COLUMN note text;
