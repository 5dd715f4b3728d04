create view open_orders as select * from orders;
create rule write as on insert to open_orders do instead insert into orders values (new.*);
create table t (a int);
create rule stop as on delete to t do instead nothing;
