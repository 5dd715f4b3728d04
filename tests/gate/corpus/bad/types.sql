-- options: schema=shop
SET lock_timeout = '2s';
-- expect: type_change_rewrite
ALTER TABLE customers ALTER COLUMN phone TYPE varchar(10);
-- expect: type_change_rewrite, blocked_by_dependent_view
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,4);
-- expect: type_change_rewrite
ALTER TABLE app.invoices ALTER COLUMN id TYPE bigint;
-- expect: type_change_rewrite
ALTER TABLE orders ALTER state TYPE app.status USING state::app.status;
-- expect: type_change_rewrite
ALTER TABLE app.invoices ALTER COLUMN code TYPE text;
