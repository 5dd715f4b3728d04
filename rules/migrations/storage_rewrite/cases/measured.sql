-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, unlogged
-- measured: lock logs ACCESS EXCLUSIVE; rewrite logs; scan logs
alter table logs set unlogged;
-- case: bad, logged again
-- measured: lock drafts ACCESS EXCLUSIVE; rewrite drafts; scan drafts
alter table drafts set logged;
-- case: good, fillfactor
-- measured: lock orders SHARE UPDATE EXCLUSIVE
alter table orders set (fillfactor = 80);
-- case: good, column storage
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column note set storage external;
-- case: good, statistics
-- measured: lock orders SHARE UPDATE EXCLUSIVE
alter table orders alter column note set statistics 500;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh set unlogged;
