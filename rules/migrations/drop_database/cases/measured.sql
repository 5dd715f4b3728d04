-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, another one
-- measured: nothing
drop database another_database;
-- case: bad, if exists
-- measured: nothing
drop database if exists another_database;
-- case: good, a schema
-- measured: nothing
create schema another_database;
