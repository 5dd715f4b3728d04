begin;
alter table orders disable row level security;
alter table orders enable row level security;
create policy own on orders using (true);
commit;
create table t (a int);
alter table t disable row level security;
