create materialized view m as select 1 as a;
create index on m (a);
create unique index m_part on m (a) where a > 0;
-- expect
refresh materialized view concurrently m;
create materialized view n as select 1 as a with no data;
create unique index n_a on n (a);
-- expect
refresh materialized view concurrently n;
