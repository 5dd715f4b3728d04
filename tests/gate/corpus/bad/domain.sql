-- options: schema=shop
SET lock_timeout = '2s';
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN pieces positive;
-- expect: domain_constraint_scan
ALTER DOMAIN positive ADD CONSTRAINT small CHECK (value < 100);
ALTER DOMAIN positive ADD CONSTRAINT tiny CHECK (value < 10) NOT VALID;
