CREATE TABLE ok1 (id int);
-- expect: syntax_error
ALTER TABEL broken ADD COLUMN x int;
-- expect: drop_table, lock_timeout_missing
DROP TABLE still_seen;
