-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock orders ACCESS EXCLUSIVE; renamed orders.note
alter table orders rename column note to remark;
-- case: bad, short form
-- measured: lock orders ACCESS EXCLUSIVE; renamed orders.filled
alter table orders rename filled to remark;
-- case: good, new column
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column a int;
alter table orders rename column a to b;
-- case: good, constraint
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders rename constraint positive to not_negative;
