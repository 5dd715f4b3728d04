-- options: schema=shop
SET lock_timeout = '2s';
CREATE INDEX measurements_value_idx ON ONLY measurements (value);
CREATE INDEX CONCURRENTLY measurements_default_value_idx ON measurements_default (value);
ALTER INDEX measurements_value_idx ATTACH PARTITION measurements_default_value_idx;
