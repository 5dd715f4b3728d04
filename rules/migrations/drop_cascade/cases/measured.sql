-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, table
-- also: drop_table
-- measured: gone customers; gone customers_pkey; gone names; lock customers ACCESS EXCLUSIVE; lock names ACCESS EXCLUSIVE
drop table customers cascade;
-- case: bad, column
-- also: drop_column
-- measured: gone customers.name; gone names; lock customers ACCESS EXCLUSIVE; lock names ACCESS EXCLUSIVE
alter table customers drop column name cascade;
-- case: bad, type
-- measured: gone customers.mood; lock customers ACCESS EXCLUSIVE
drop type mood cascade;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
drop table fresh cascade;
-- case: good, a temporary one
-- measured: nothing
create temporary table scratch (a int);
drop table scratch cascade;
-- case: good, a schema that the file made
-- measured: nothing
create schema staging;
create table staging.rows (id int);
drop schema staging cascade;
