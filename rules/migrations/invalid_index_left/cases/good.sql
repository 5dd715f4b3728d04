drop index concurrently if exists orders_a;
create index concurrently if not exists orders_a on orders (a);
create index concurrently orders_b on orders (b);
create table t (a int);
create index concurrently if not exists t_a on t (a);
