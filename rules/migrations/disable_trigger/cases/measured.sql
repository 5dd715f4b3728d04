-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, all
-- measured: lock orders SHARE ROW EXCLUSIVE
alter table orders disable trigger all;
-- case: bad, one
-- measured: lock orders SHARE ROW EXCLUSIVE
alter table orders disable trigger orders_touch;
-- case: good, enable
-- measured: lock orders SHARE ROW EXCLUSIVE
alter table orders enable trigger orders_touch;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh disable trigger user;
