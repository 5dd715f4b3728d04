-- options: schema=shop
SET lock_timeout = '2s';
CREATE DOMAIN label AS text;
ALTER TABLE orders ADD COLUMN l label;
CREATE DOMAIN short AS text CHECK (length(value) < 5);
CREATE TABLE s (v short);
ALTER DOMAIN short ADD CONSTRAINT nn CHECK (value <> '');
ALTER TABLE orders ALTER COLUMN quantity TYPE int;
