SET lock_timeout = '2s';
CREATE TABLE ${schema}.audit (id int primary key);
-- expect: drop_table
DROP TABLE IF EXISTS ${schema}.old_audit;
-- expect: rename_column
ALTER TABLE accounts RENAME COLUMN fullname TO full_name;
