-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, type
-- measured: error 0A000
alter table customers alter column name type text;
-- case: bad, drop column
-- also: drop_column
-- measured: error 2BP01
alter table customers drop column name;
-- case: bad, drop table
-- also: drop_table
-- measured: error 2BP01
drop table customers;
-- case: good, another column
-- measured: lock customers ACCESS EXCLUSIVE
alter table customers alter column note type text;
-- case: good, the view made anew
-- measured: gone names; lock customers ACCESS EXCLUSIVE; lock names ACCESS EXCLUSIVE
begin;
drop view names;
alter table customers alter column name type text;
create view names as select id, name from customers;
commit;
