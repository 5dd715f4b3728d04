create index concurrently orders_customer_idx on orders (customer_id);
create table fresh (id bigint primary key, a int);
create index on fresh (a);
create table parts (id bigint, at date) partition by range (at);
create index on parts (at);
create temporary table scratch (a int);
create index on scratch (a);
