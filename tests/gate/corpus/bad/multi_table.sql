-- options: schema=shop
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN a int;
-- expect: multi_table_exclusive_lock
ALTER TABLE customers ADD COLUMN a int;
COMMIT;
