-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, update
-- measured: error 55P04
begin;
alter type mood add value 'calm';
update customers set mood = 'calm' where id = 1;
commit;
-- case: bad, default
-- measured: error 55P04
begin;
alter type mood add value 'calm';
alter table customers alter column mood set default 'calm';
commit;
-- case: good, afterwards
-- measured: nothing
alter type mood add value 'calm';
update customers set mood = 'calm' where id = 1;
-- case: good, type of the same transaction
-- majors: 17-18
-- measured: nothing
begin;
create type fresh as enum ('a');
alter type fresh add value 'b';
create table t (x fresh default 'b');
commit;
-- case: bad, type of the same transaction, before 17
-- majors: 13-16
-- measured: error 55P04
begin;
create type fresh as enum ('a');
alter type fresh add value 'b';
create table t (x fresh default 'b');
commit;
-- case: good, value of the new type
-- measured: nothing
begin;
create type fresh as enum ('a');
create table t (x fresh default 'a');
commit;
