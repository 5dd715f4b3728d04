-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, no unique index
-- measured: error 55000; gone big_totals_customer
drop index concurrently big_totals_customer;
refresh materialized view concurrently big_totals;
-- case: bad, a unique index of some rows
-- measured: error 55000
create materialized view fresh as select 1 as a;
create unique index on fresh (a) where a > 0;
refresh materialized view concurrently fresh;
-- case: bad, no rows yet
-- measured: error 0A000
create materialized view fresh as select 1 as a with no data;
create unique index on fresh (a);
refresh materialized view concurrently fresh;
-- case: good, filled and indexed
-- measured: nothing
create materialized view fresh as select 1 as a with no data;
create unique index on fresh (a);
refresh materialized view fresh;
refresh materialized view concurrently fresh;
-- case: good, indexed long ago
-- measured: lock big_totals EXCLUSIVE; scan big_totals; scan orders
refresh materialized view concurrently big_totals;
