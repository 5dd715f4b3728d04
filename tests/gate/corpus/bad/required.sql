-- options: schema=shop
SET lock_timeout = '2s';
-- expect: add_column_required
ALTER TABLE orders ADD COLUMN must text NOT NULL;
-- expect: drop_not_null
ALTER TABLE customers ALTER COLUMN email DROP NOT NULL;
-- expect: drop_constraint
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
-- expect: disable_trigger
ALTER TABLE orders DISABLE TRIGGER ALL;
