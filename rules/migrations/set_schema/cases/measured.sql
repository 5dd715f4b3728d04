-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, table
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
alter table logs set schema archive;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh set schema archive;
