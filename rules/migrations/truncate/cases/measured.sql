-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock logs ACCESS EXCLUSIVE; rewrite logs
truncate logs;
-- case: bad, two
-- measured: lock bookings ACCESS EXCLUSIVE; lock logs ACCESS EXCLUSIVE; rewrite bookings; rewrite logs
truncate logs, bookings;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
truncate fresh;
