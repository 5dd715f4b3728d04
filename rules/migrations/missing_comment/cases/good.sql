create table t (a int);
comment on table t is 'what it is';
comment on column t.a is 'what it counts';
alter table orders add column zone text;
comment on column orders.zone is 'where it goes';
create temporary table scratch (a int);
create table events_2026 partition of events for values from (1) to (2);
