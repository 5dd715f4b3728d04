-- options: schema=shop
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders RENAME CONSTRAINT orders_pkey TO orders_pk;
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey, ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE NOT VALID;
COMMIT;
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_id_fkey;
