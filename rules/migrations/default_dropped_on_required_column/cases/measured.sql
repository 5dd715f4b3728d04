-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, just added
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column kind text not null default 'a';
alter table orders alter column kind drop default;
-- case: bad, there all along
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column state drop default;
-- case: good, nullable
-- measured: lock customers ACCESS EXCLUSIVE
alter table customers alter column region drop default;
-- case: good, new table
-- measured: nothing
create table fresh (a int not null default 1);
alter table fresh alter column a drop default;
