-- options: schema=shop
SET lock_timeout = '2s';
-- expect: set_schema
ALTER TABLE orders SET SCHEMA app;
-- expect: index_create_blocking
CREATE INDEX ON app.orders (state);
-- expect: rename_schema
ALTER SCHEMA app RENAME TO shop;
