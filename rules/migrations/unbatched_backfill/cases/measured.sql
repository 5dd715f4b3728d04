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
-- case: bad, a function that the migration makes and calls
-- measured: nothing
create function reset_state() returns void language plpgsql as $$ begin update orders set state = 'new'; end $$;
select reset_state();
-- case: bad, a procedure that calls another
-- measured: nothing
create procedure inner_reset() language sql as $$ delete from logs $$;
create procedure outer_reset() language plpgsql as $$ begin call inner_reset(); end $$;
call outer_reset();
-- case: good, a function that is made and not called
-- measured: nothing
create function reset_state() returns void language plpgsql as $$ begin update orders set state = 'new'; end $$;
-- case: good, a function that works in batches
-- measured: nothing
create function fill_batch() returns void language plpgsql as $$ begin
  update orders set state = 'new' where id in (select id from orders where state is null limit 100);
end $$;
select fill_batch();
-- case: bad, merge
-- majors: 15-18
-- measured: nothing
merge into orders o using customers c on o.customer_id = c.id when matched then update set note = c.name;
-- case: good, merge of a few values
-- majors: 15-18
-- measured: nothing
merge into orders o using (values (1, 'a')) v (id, note) on o.id = v.id when matched then update set note = v.note;
-- case: good, update from a temporary table
-- measured: nothing
create temp table chosen as select id from orders where total > 50;
update orders o set note = 'y' from chosen where chosen.id = o.id and chosen.id > 0;
