-- options: schema=shop
SET lock_timeout = '2s';
DROP TABLE IF EXISTS never_there;
DROP INDEX IF EXISTS never_there_idx;
DROP VIEW IF EXISTS never_view;
ALTER TABLE IF EXISTS never_there ADD COLUMN x int DEFAULT random();
ALTER TABLE orders DROP COLUMN IF EXISTS never_there;
DROP FUNCTION IF EXISTS f();
DROP TYPE IF EXISTS ty;
