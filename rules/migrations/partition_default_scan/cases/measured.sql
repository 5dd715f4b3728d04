-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, create
-- measured: lock events ACCESS EXCLUSIVE; lock events_rest ACCESS EXCLUSIVE; scan events_rest
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
-- case: good, no default partition
-- measured: lock meters ACCESS EXCLUSIVE
create table meters_2028 partition of meters for values from ('2028-01-01') to ('2029-01-01');
-- case: good, new parent
-- measured: nothing
create table parts (at date) partition by range (at);
create table parts_rest partition of parts default;
create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
