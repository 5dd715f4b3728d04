-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
alter table logs rename to journal;
-- case: bad, materialized view
-- measured: lock big_totals ACCESS EXCLUSIVE; renamed big_totals
alter materialized view big_totals rename to sums;
-- case: good, a view in its place
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
begin;
alter table logs rename to journal;
create view logs as select * from journal;
commit;
-- case: good, index
-- measured: renamed orders_code_idx
alter index orders_code_idx rename to orders_codes;
