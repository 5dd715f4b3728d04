-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, cascade
-- also: truncate
-- measured: lock items ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE; rewrite items; rewrite orders
truncate orders cascade;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
truncate fresh cascade;
