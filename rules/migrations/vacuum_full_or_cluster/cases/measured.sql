-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, vacuum full
-- measured: rewrite logs
vacuum full logs;
-- case: bad, option list
-- measured: rewrite logs
vacuum (full, analyze) logs;
-- case: bad, cluster
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
cluster orders using orders_pkey;
-- case: good, vacuum
-- measured: nothing
vacuum analyze orders;
-- case: good, analyze
-- measured: lock orders SHARE UPDATE EXCLUSIVE
analyze orders;
