-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, two tables
-- measured: lock customers ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE
begin;
alter table orders add column a int;
alter table customers add column a int;
commit;
-- case: good, one table twice
-- measured: lock orders ACCESS EXCLUSIVE
begin;
alter table orders add column a int;
alter table orders add column b int;
commit;
-- case: good, apart
-- measured: lock customers ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE
alter table orders add column a int;
alter table customers add column a int;
