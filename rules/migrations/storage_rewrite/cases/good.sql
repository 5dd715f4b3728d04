create table fresh (a int);
alter table fresh set unlogged;
alter table orders set (fillfactor = 80);
