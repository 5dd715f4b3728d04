-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders disable row level security;
-- case: good, on again
-- measured: lock orders ACCESS EXCLUSIVE
begin;
create policy own on orders using (true);
alter table orders disable row level security;
alter table orders enable row level security;
commit;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh disable row level security;
