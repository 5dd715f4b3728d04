begin;
alter table orders add column a int;
alter table orders add column b int;
commit;
alter table customers add column a int;
