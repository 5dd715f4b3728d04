-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, collation
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE; scan orders
alter table orders alter column code type varchar(20) collate "C";
-- case: good, wider
-- measured: gone orders_code_idx; lock orders ACCESS EXCLUSIVE
alter table orders alter column code type varchar(30);
-- case: good, not indexed
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column note type text collate "C";
