alter table orders add column customer_id bigint references customers (id);
create index concurrently orders_customer on orders (customer_id);
