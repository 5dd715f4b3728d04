-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, new column
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders ACCESS EXCLUSIVE
alter table orders add column parent_id bigint references customers (id);
-- case: bad, not valid
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE
alter table orders add foreign key (small) references customers (id) not valid;
-- case: good, indexed already
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE
alter table orders add foreign key (customer_id) references customers (id) not valid;
-- case: good, indexed afterwards
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders ACCESS EXCLUSIVE
alter table orders add column parent_id bigint references customers (id);
create index concurrently orders_parent on orders (parent_id);
