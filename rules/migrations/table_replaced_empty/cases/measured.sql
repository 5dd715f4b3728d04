-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, made in its place
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
begin;
alter table logs rename to logs_old;
create table logs (like logs_old including all);
commit;
-- case: bad, moved to its place
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
begin;
create table logs_new (like logs including all);
alter table logs rename to logs_old;
alter table logs_new rename to logs;
commit;
-- case: good, another name
-- measured: nothing
create table logs_new (like logs including all);
-- case: good, the old one is a partition of it
-- measured: lock logs ACCESS EXCLUSIVE; renamed logs
alter table logs add constraint bound check (at >= '2020-01-01' and at < '2099-01-01') not valid;
alter table logs validate constraint bound;
begin;
alter table logs rename to logs_old;
create table logs (id bigint not null, at timestamptz not null, body text) partition by range (at);
alter table logs attach partition logs_old for values from ('2020-01-01') to ('2099-01-01');
commit;
