refresh materialized view concurrently totals;
create materialized view fresh as select 1 as a;
refresh materialized view fresh;
