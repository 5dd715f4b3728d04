-- options: schema=shop
SET lock_timeout = '2s';
-- expect: rename_table
ALTER TABLE orders RENAME TO purchases;
-- expect: type_change_rewrite, blocked_by_dependent_view
ALTER TABLE purchases ALTER COLUMN customer_id TYPE int;
ALTER TABLE purchases ALTER COLUMN note TYPE varchar(60);
-- expect: drop_column
ALTER TABLE purchases DROP COLUMN state;
