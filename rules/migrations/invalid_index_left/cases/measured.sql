-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, a duplicate stops the first attempt
-- measured: error 23505
create unique index concurrently if not exists orders_note on orders (note);
create unique index concurrently if not exists orders_note on orders (note);
-- case: bad, plain
-- measured: nothing
create index concurrently if not exists orders_small on orders (small);
-- case: good, what is left is dropped first
-- measured: nothing
drop index concurrently if exists orders_small;
create index concurrently if not exists orders_small on orders (small);
-- case: good, a second attempt says so
-- measured: nothing
create index concurrently orders_small on orders (small);
