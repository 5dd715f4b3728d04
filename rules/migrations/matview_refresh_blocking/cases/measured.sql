-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock big_totals ACCESS EXCLUSIVE; rewrite big_totals; scan big_totals; scan orders
refresh materialized view big_totals;
-- case: bad, without data
-- measured: lock big_totals ACCESS EXCLUSIVE; rewrite big_totals
refresh materialized view big_totals with no data;
-- case: good, concurrently
-- measured: lock big_totals EXCLUSIVE; scan big_totals; scan orders
refresh materialized view concurrently big_totals;
-- case: good, new
-- measured: nothing
create materialized view fresh as select 1 as a;
refresh materialized view fresh;
