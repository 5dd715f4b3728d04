-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, cut
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog text;
-- case: bad, two become one
-- measured: error 42P07
create index concurrently an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_a on orders (code);
create index concurrently an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_b on orders (small);
-- case: bad, two columns of a new table
-- measured: error 42701
create table fresh (an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_a int, an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog_b int);
-- case: good, exactly as long as allowed
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in text;
-- case: good, a long text
-- measured: nothing
select 'an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in_its_catalog';
-- case: good, the same names on two tables
-- measured: lock customers ACCESS EXCLUSIVE; lock orders ACCESS EXCLUSIVE
alter table orders add column an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in text;
alter table customers add column an_index_whose_name_says_more_than_postgresql_can_keep_of_it_in text;
