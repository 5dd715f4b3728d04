alter table orders rename to orders_old;
-- expect
create table orders (like orders_old including all);
create table items_new (a int);
alter table items rename to items_old;
-- expect
alter table items_new rename to items;
