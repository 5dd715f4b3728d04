-- options: schema=shop
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN a int;
COMMIT;
-- expect: lock_timeout_missing
ALTER TABLE orders ADD COLUMN b int;
