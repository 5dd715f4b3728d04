begin;
alter table orders add column a int;
-- expect
update customers set note = 'x' where id = 1;
commit;
begin;
insert into customers (id) values (1);
-- expect
alter table orders add column b int;
alter table orders add column c int;
commit;
