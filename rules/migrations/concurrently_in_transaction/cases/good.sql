create index concurrently i on orders (customer_id);
begin;
refresh materialized view concurrently totals;
commit;
drop index concurrently i;
