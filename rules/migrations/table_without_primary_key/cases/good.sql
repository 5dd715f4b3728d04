create table t (a int primary key);
create table u (a int);
alter table u add primary key (a);
create temp table w (a int);
create table x as select 1 as a;
