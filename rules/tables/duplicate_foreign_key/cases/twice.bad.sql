-- expect: public.lines ("Order")
create table orders (id int primary key);
create table lines (id int primary key, "Order" int references orders);
alter table lines add constraint "Order again" foreign key ("Order") references orders (id) not valid;
