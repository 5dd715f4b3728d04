-- options: schema=shop
SET lock_timeout = '2s';
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN double_total numeric GENERATED ALWAYS AS (total * 2) STORED;
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN n int GENERATED ALWAYS AS IDENTITY;
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN m bigserial;
