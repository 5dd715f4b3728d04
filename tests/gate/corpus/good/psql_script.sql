\set ON_ERROR_STOP on
\timing on
\echo 'drop table x;'
SET lock_timeout = '2s';
\i helpers.sql
CREATE TABLE :"schema".things (id int PRIMARY KEY, name text DEFAULT :'name');
ALTER TABLE orders ADD COLUMN IF NOT EXISTS channel text;
\if :is_new
SELECT count(*) FROM orders \gset
\endif
