-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, constraint
-- measured: lock customers ACCESS EXCLUSIVE; scan customers
alter table customers add constraint customers_email_key unique (email);
-- case: bad, new column
-- measured: lock customers ACCESS EXCLUSIVE; scan customers
alter table customers add column token text unique;
-- case: good, using an index
-- measured: lock customers ACCESS EXCLUSIVE
create unique index concurrently customers_email_key on customers (email);
alter table customers add constraint customers_email_key unique using index customers_email_key;
-- case: good, new table
-- measured: nothing
create table fresh (a int unique);
alter table fresh add unique (a);
