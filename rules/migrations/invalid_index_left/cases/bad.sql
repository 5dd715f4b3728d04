-- expect
create index concurrently if not exists orders_a on orders (a);
