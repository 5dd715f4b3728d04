-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, table
-- measured: lock orders SHARE; rebuild orders_code_idx; rebuild orders_customer_idx; rebuild orders_pkey; scan orders
reindex table orders;
-- case: bad, index
-- measured: lock orders SHARE; rebuild orders_code_idx; scan orders
reindex index orders_code_idx;
-- case: good, concurrently
-- measured: gone orders_code_idx; gone orders_customer_idx; gone orders_pkey
reindex table concurrently orders;
-- case: good, index concurrently
-- measured: gone orders_code_idx
reindex index concurrently orders_code_idx;
