-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock orders SHARE; scan orders
create index i on orders (state);
-- case: bad, unique, expression
-- measured: lock customers SHARE; scan customers
create unique index i on customers (lower(email));
-- case: bad, partial
-- measured: lock orders SHARE; scan orders
create index i on orders (at) where state = 'new';
-- case: bad, partitioned
-- measured: lock events SHARE; lock events_2024 SHARE; lock events_rest SHARE; scan events_2024; scan events_rest
create index i on events (at);
-- case: bad, materialized view
-- measured: lock big_totals SHARE; scan big_totals
create index i on big_totals (n);
-- case: good, concurrently
-- measured: nothing
create index concurrently i on orders (state);
-- case: good, there already
-- measured: lock orders SHARE
create index if not exists orders_code_idx on orders (code);
-- case: good, new table
-- measured: nothing
create table fresh (a int);
create index on fresh (a);
-- case: good, new partitioned table
-- measured: nothing
create table parts (at date) partition by range (at);
create index on parts (at);
