-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, a longer text
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add constraint coded check (length(code) > 0) not valid;
alter table orders validate constraint coded;
alter table orders alter column code type varchar(40);
-- case: good, no CHECK
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders alter column code type varchar(40);
-- case: good, a CHECK on another column
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add constraint coded check (length(code) > 0) not valid;
alter table orders validate constraint coded;
alter table orders alter column moment type timestamp(6);
-- case: good, a CHECK that was never proven
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders add constraint coded check (length(code) > 0) not valid;
alter table orders alter column code type varchar(40);
