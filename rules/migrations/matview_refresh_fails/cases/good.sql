-- catalog
create materialized view old as select 1 as a;
create unique index on old (a);
-- migration
refresh materialized view concurrently old;
create materialized view m as select 1 as a with no data;
create unique index m_a on m (a);
refresh materialized view m;
refresh materialized view concurrently m;
refresh materialized view concurrently nobody_knows;
