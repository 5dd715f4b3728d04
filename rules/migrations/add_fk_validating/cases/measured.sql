-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, validated
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE; scan customers; scan orders
alter table orders add constraint to_customer foreign key (customer_id) references customers (id);
-- case: bad, new column with default null
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add column other_id bigint default null references customers (id);
-- case: bad, new column with a default
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders ACCESS EXCLUSIVE; scan customers; scan orders
alter table orders add column other_id bigint default 1 references customers (id);
-- case: good, not valid
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE
alter table orders add constraint to_customer foreign key (customer_id) references customers (id) not valid;
-- case: good, validated afterwards
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE
alter table orders add constraint to_customer foreign key (customer_id) references customers (id) not valid;
alter table orders validate constraint to_customer;
-- case: good, new table
-- measured: lock orders SHARE ROW EXCLUSIVE
create table notes (id bigint primary key, order_id bigint references orders (id));
create index on notes (order_id);
