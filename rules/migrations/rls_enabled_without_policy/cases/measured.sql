-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, no policy
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders enable row level security;
-- case: good, with a policy
-- measured: lock orders ACCESS EXCLUSIVE
begin;
create policy own on orders using (true);
alter table orders enable row level security;
commit;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh enable row level security;
