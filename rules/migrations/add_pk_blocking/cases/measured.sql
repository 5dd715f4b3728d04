-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, one column
-- measured: lock logs ACCESS EXCLUSIVE; scan logs
alter table logs add primary key (id);
-- case: bad, two columns, named
-- measured: lock logs ACCESS EXCLUSIVE; scan logs
alter table logs add constraint logs_pkey primary key (id, at);
-- case: good, using an index
-- measured: lock logs ACCESS EXCLUSIVE
create unique index concurrently logs_pkey on logs (id);
alter table logs add constraint logs_pkey primary key using index logs_pkey;
-- case: good, new table
-- measured: nothing
create table fresh (id int);
alter table fresh add primary key (id);
