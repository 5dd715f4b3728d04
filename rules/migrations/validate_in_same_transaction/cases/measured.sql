-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, check
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
begin;
alter table orders add constraint low check (total < 100000) not valid;
alter table orders validate constraint low;
commit;
-- case: bad, foreign key
-- measured: lock customers SHARE ROW EXCLUSIVE; lock orders SHARE ROW EXCLUSIVE; scan customers; scan orders
begin;
alter table orders add constraint c foreign key (customer_id) references customers (id) not valid;
alter table orders validate constraint c;
commit;
-- case: good, two transactions
-- measured: lock orders ACCESS EXCLUSIVE
begin;
alter table orders add constraint low check (total < 100000) not valid;
commit;
begin;
alter table orders validate constraint low;
commit;
