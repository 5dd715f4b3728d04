-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN tmp varchar(10);
ALTER TABLE orders RENAME COLUMN tmp TO channel;
ALTER TABLE orders DROP COLUMN channel;
