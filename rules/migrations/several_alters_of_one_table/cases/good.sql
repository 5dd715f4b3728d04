alter table orders add column a int, add column b int;
update orders set a = 1 where id = 1;
alter table orders drop column c;
alter table customers add column b int;
alter table customers alter column b set default 1;
create table t (a int);
alter table t add column b int;
alter table t add column c int;
