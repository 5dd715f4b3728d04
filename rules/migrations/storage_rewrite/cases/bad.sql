-- expect
alter table orders set unlogged;
-- expect
alter table orders set tablespace fast;
