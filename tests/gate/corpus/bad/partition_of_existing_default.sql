-- options: schema=shop
SET lock_timeout = '2s';
-- expect: partition_default_scan
CREATE TABLE measurements_2027 PARTITION OF measurements FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
