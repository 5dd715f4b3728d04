-- options: major=18 schema=shop
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN double_total numeric GENERATED ALWAYS AS (total * 2) VIRTUAL;
