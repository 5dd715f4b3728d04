-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, value
-- measured: nothing
alter type mood rename value 'sad' to 'blue';
-- case: good, new type
-- measured: nothing
create type fresh as enum ('a');
alter type fresh rename value 'a' to 'b';
-- case: good, add
-- measured: nothing
alter type mood add value 'glad';
