drop index concurrently orders_customer_idx;
create table fresh (id bigint primary key, a int);
create index fresh_a on fresh (a);
drop index fresh_a;
