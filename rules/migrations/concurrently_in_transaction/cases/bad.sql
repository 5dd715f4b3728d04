begin;
-- expect
create index concurrently i on orders (customer_id);
commit;
begin;
-- expect
drop index concurrently i;
commit;
