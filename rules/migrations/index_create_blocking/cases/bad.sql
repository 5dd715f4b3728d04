-- expect
create index orders_customer_idx on orders (customer_id);
-- expect
create unique index on "Users" (lower(email));
do $$ begin
-- the block's statement counts as the block
perform 1; end $$;
