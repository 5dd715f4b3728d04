-- expect: public.lines."Order"
create table orders (id bigint primary key);
create table lines (id int primary key, "Order" int references orders);
