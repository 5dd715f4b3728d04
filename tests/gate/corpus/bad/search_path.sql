-- options: schema=shop
SET search_path TO app, public;
SET lock_timeout = '2s';
ALTER TABLE invoices ALTER COLUMN amount TYPE numeric(14,2);
-- expect: type_change_rewrite
ALTER TABLE invoices ALTER COLUMN id TYPE bigint;
-- expect: index_create_blocking
CREATE INDEX ON invoices (order_id);
