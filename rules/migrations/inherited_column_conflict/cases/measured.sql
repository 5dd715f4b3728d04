-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, drop in a partition
-- also: drop_column
-- measured: error 42P16
alter table events_2024 drop column note;
-- case: bad, add to a partition
-- measured: error 42809
alter table events_2024 add column extra int;
-- case: bad, type in a child
-- also: type_change_rewrite
-- measured: error 42P16
alter table derived alter column body type varchar(9);
-- case: good, of the parent
-- measured: lock events ACCESS EXCLUSIVE; lock events_2024 ACCESS EXCLUSIVE; lock events_rest ACCESS EXCLUSIVE
alter table events add column extra int;
-- case: good, the child's own
-- measured: lock derived ACCESS EXCLUSIVE
alter table derived add column extra int;
