-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, table constraint
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add constraint low check (total < 100000);
-- case: bad, new column with default and check
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add column rank int default 1 check (rank > 0);
-- case: bad, unnamed
-- measured: lock items ACCESS EXCLUSIVE; scan items
alter table items add check (price is not null);
-- case: good, not valid
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add constraint low check (total < 100000) not valid;
-- case: good, validated afterwards
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add constraint low check (total < 100000) not valid;
alter table orders validate constraint low;
-- case: good, table of the same file
-- measured: nothing
create table fresh (n int);
alter table fresh add check (n > 0);
