-- options: schema=shop
SET lock_timeout = '2s';
-- expect: inherited_column_conflict, drop_column
ALTER TABLE child_notes DROP COLUMN body;
-- expect: inherited_column_conflict, type_change_rewrite
ALTER TABLE child_notes ALTER COLUMN body TYPE int USING 1;
-- expect: drop_column
ALTER TABLE child_notes DROP COLUMN extra;
