-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, nothing is deleted
-- measured: lock logs ACCESS EXCLUSIVE
create rule keep as on delete to logs do instead nothing;
-- case: bad, something is added
-- measured: lock logs ACCESS EXCLUSIVE
create rule tell as on insert to logs do also notify logs;
-- case: good, a view
-- measured: lock names ACCESS EXCLUSIVE
create rule write as on insert to names do instead insert into customers (id, email, name) values (new.id, 'x', new.name);
-- case: good, new table
-- measured: nothing
create table fresh (a int);
create rule keep as on delete to fresh do instead nothing;
