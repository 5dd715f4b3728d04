-- options: schema=shop
SET lock_timeout = '2s';
-- expect: blocked_by_dependent_view, type_change_rewrite
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,3);
-- expect: blocked_by_dependent_view, drop_column
ALTER TABLE orders DROP COLUMN total;
