-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, update
-- also: unbatched_backfill
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
begin;
alter table orders add column a text;
update orders set a = 'x';
commit;
-- case: bad, copy of a table
-- measured: lock orders ACCESS EXCLUSIVE; scan items
begin;
alter table orders add column a text;
create table copy_of_items as select * from items;
commit;
-- case: bad, insert from a table
-- measured: lock orders SHARE ROW EXCLUSIVE; scan orders
begin;
create table notes (id bigint, order_id bigint references orders (id));
insert into notes select id, id from orders;
commit;
-- case: good, afterwards
-- measured: lock orders ACCESS EXCLUSIVE
begin;
alter table orders add column a text;
commit;
update orders set a = 'x' where id between 1 and 10;
-- case: good, a few rows
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
begin;
alter table orders add column a text;
update orders set a = 'x' where id = 7;
commit;
-- case: good, new table
-- measured: lock orders ACCESS EXCLUSIVE
begin;
alter table orders add column a text;
create table fresh (a int);
create index on fresh (a);
insert into fresh values (1);
commit;
