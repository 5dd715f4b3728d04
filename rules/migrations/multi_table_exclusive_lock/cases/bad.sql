begin;
alter table orders add column a int;
-- expect
alter table customers add column a int;
commit;
