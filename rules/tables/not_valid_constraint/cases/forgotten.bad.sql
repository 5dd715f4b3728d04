-- expect: public.orders."Positive amount"
-- expect: public.orders.orders_customer_fkey
create table customers (id int primary key);
create table orders (id int primary key, customer int, amount numeric);
alter table orders add constraint "Positive amount" check (amount > 0) not valid;
alter table orders add constraint orders_customer_fkey foreign key (customer) references customers not valid;
