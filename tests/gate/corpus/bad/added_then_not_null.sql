-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ADD COLUMN country text;
-- expect: unbatched_backfill
UPDATE customers SET country = 'DE';
-- expect: set_not_null_scan
ALTER TABLE customers ALTER COLUMN country SET NOT NULL;
