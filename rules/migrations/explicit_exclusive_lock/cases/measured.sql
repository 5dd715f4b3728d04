-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, access exclusive
-- measured: lock orders ACCESS EXCLUSIVE
begin;
lock table orders in access exclusive mode;
commit;
-- case: bad, default mode
-- measured: lock orders ACCESS EXCLUSIVE
begin;
lock orders;
commit;
-- case: bad, share row exclusive
-- measured: lock orders SHARE ROW EXCLUSIVE
begin;
lock table orders in share row exclusive mode;
commit;
-- case: good, row exclusive
-- measured: nothing
begin;
lock table orders in row exclusive mode;
commit;
-- case: good, new table
-- measured: nothing
begin;
create table fresh (a int);
lock table fresh;
commit;
