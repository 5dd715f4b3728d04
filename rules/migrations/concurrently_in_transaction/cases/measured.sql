-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, create
-- measured: error 25001
begin;
create index concurrently i on orders (state);
commit;
-- case: bad, drop
-- measured: error 25001
begin;
drop index concurrently orders_code_idx;
commit;
-- case: bad, reindex
-- measured: error 25001
begin;
reindex table concurrently orders;
commit;
-- case: bad, in a block
-- measured: error 25001
do $$ begin create index concurrently i on orders (state); end $$;
-- case: bad, detach
-- majors: 14-18
-- measured: error 25001
begin;
alter table meters detach partition meters_2024 concurrently;
commit;
-- case: good, outside
-- measured: nothing
create index concurrently i on orders (state);
-- case: good, between transactions
-- measured: gone orders_code_idx
begin;
select 1;
commit;
drop index concurrently orders_code_idx;
-- case: good, refresh may
-- measured: lock big_totals EXCLUSIVE; scan big_totals; scan orders
begin;
refresh materialized view concurrently big_totals;
commit;
