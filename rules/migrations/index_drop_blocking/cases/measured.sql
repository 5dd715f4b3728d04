-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
drop index orders_code_idx;
-- case: bad, if exists
-- measured: gone orders_customer_idx; lock orders ACCESS EXCLUSIVE
drop index if exists orders_customer_idx;
-- case: good, concurrently
-- measured: gone orders_code_idx
drop index concurrently orders_code_idx;
-- case: good, not there
-- measured: nothing
drop index if exists nosuch;
-- case: good, new
-- measured: nothing
create table fresh (a int);
create index fresh_a on fresh (a);
drop index fresh_a;
