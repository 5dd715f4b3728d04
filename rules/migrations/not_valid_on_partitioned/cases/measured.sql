-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, foreign key on a partitioned table
-- majors: 13-17
-- measured: error 42809
alter table events add constraint events_order foreign key (id) references orders (id) not valid;
-- case: good, check on a partitioned table
-- measured: lock events ACCESS EXCLUSIVE; lock events_2024 ACCESS EXCLUSIVE; lock events_rest ACCESS EXCLUSIVE
alter table events add constraint events_note check (length(note) < 100) not valid;
