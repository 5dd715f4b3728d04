-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: renamed sales.offers; renamed sales.offers_pkey
alter schema sales rename to shop;
-- case: good, new
-- measured: nothing
create schema fresh;
alter schema fresh rename to fresher;
