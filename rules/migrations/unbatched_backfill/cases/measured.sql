-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, every row
-- measured: nothing
update orders set state = 'old';
-- case: bad, delete every row
-- measured: nothing
delete from logs;
-- case: bad, through a join
-- measured: nothing
update orders o set note = c.name from customers c where o.customer_id = c.id;
-- case: good, by key
-- measured: nothing
update orders set state = 'old' where id between 1 and 10;
-- case: good, limited
-- measured: nothing
delete from logs where id in (select id from logs where at < now() limit 10);
-- case: good, a list of values
-- measured: nothing
update orders o set state = v.s from (values (1, 'a'), (2, 'b')) v (id, s) where o.id = v.id;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
update fresh set a = 1;
