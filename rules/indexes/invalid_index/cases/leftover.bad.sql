-- expect: public.orders_day_idx_ccnew
create table orders (id bigint primary key, day date);
create index orders_day_idx_ccnew on orders (day);
update pg_index set indisvalid = false where indexrelid = 'orders_day_idx_ccnew'::regclass;
