-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, begin twice
-- measured: nothing
begin;
begin;
select 1;
commit;
-- case: bad, commit without begin
-- measured: nothing
select 1;
commit;
-- case: good, savepoint
-- measured: nothing
begin;
savepoint a;
rollback to savepoint a;
commit;
-- case: good, one after the other
-- measured: nothing
begin;
commit;
start transaction;
rollback;
