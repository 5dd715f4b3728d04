-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, empty
-- measured: nothing
drop schema archive;
-- case: bad, cascade
-- also: drop_cascade
-- measured: gone sales.offers; gone sales.offers_pkey; lock sales.offers ACCESS EXCLUSIVE
drop schema sales cascade;
-- case: good, new
-- measured: nothing
create schema fresh;
drop schema fresh;
