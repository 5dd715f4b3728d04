-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured 13-13: lock meters ACCESS EXCLUSIVE; lock meters_2024 SHARE UPDATE EXCLUSIVE
-- measured 14-18: lock meters ACCESS EXCLUSIVE; lock meters_2024 ACCESS EXCLUSIVE
alter table meters detach partition meters_2024;
-- case: good, concurrently
-- majors: 14-18
-- measured: nothing
alter table meters detach partition meters_2024 concurrently;
-- case: good, new parent
-- measured: nothing
create table parts (at date) partition by range (at);
create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
alter table parts detach partition parts_1;
