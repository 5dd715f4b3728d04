-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, one
-- measured: gone orders.note; lock orders ACCESS EXCLUSIVE
alter table orders drop column note;
-- case: bad, if exists
-- measured: gone orders.note; lock orders ACCESS EXCLUSIVE
alter table orders drop column if exists note;
-- case: bad, two
-- measured: gone orders.filled; gone orders.note; lock orders ACCESS EXCLUSIVE
alter table orders drop column note, drop column filled;
-- case: good, one added before
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column scratch int;
alter table orders drop column scratch;
-- case: good, not there
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders drop column if exists nosuch;
