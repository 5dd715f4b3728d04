-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, check
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders drop constraint positive;
-- case: bad, foreign key
-- measured: lock items ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE
alter table items drop constraint items_order_id_fkey;
-- case: good, replaced
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders drop constraint positive, add constraint positive check (total >= 1) not valid;
-- case: good, new table
-- measured: nothing
create table fresh (a int constraint c check (a > 0));
alter table fresh drop constraint c;
