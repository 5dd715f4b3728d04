-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, ranges
-- measured: lock bookings ACCESS EXCLUSIVE; scan bookings
alter table bookings add constraint no_overlap exclude using gist (during with &&);
-- case: bad, partial
-- measured: lock bookings ACCESS EXCLUSIVE; scan bookings
alter table bookings add exclude using gist (during with &&) where (id > 10);
-- case: good, table of the same file
-- measured: nothing
create table rooms (during tstzrange);
alter table rooms add exclude using gist (during with &&);
-- case: good, within the new table
-- measured: nothing
create table rooms (during tstzrange, exclude using gist (during with &&));
