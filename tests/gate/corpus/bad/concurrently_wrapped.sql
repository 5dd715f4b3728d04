-- options: in-transaction
SET LOCAL lock_timeout = '1s';
-- expect: concurrently_in_transaction
CREATE INDEX CONCURRENTLY i ON orders (state);
-- expect: concurrently_in_transaction
DROP INDEX CONCURRENTLY j;
