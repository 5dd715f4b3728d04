-- expect
create table t (a int, b int);
comment on table t is 'what it is';
comment on column t.a is 'what it counts';
-- expect
alter table orders add column zone text;
