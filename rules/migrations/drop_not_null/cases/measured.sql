-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, column
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column state drop not null;
-- case: good, new table
-- measured: nothing
create table fresh (a int not null);
alter table fresh alter a drop not null;
