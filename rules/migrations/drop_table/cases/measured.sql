-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: gone logs; lock logs ACCESS EXCLUSIVE
drop table logs;
-- case: bad, two
-- measured: gone items; gone items_order_idx; gone logs; lock items ACCESS EXCLUSIVE; lock logs ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE
drop table items, logs;
-- case: bad, if exists
-- measured: gone logs; lock logs ACCESS EXCLUSIVE
drop table if exists logs;
-- case: good, new
-- measured: nothing
create table fresh (a int);
drop table fresh;
-- case: good, not there
-- measured: nothing
drop table if exists nosuch;
