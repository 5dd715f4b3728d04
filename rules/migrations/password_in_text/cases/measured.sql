-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, a new role
-- measured: nothing
begin;
create role case_app login password 'letmein';
rollback;
-- case: bad, an existing role
-- measured: nothing
begin;
create role case_app;
alter role case_app password 'letmein';
rollback;
-- case: good, none
-- measured: nothing
begin;
create role case_app login;
alter role case_app password null;
rollback;
-- case: good, a verifier
-- measured: nothing
begin;
create role case_app login password 'md5a1b2c3d4e5f60718293a4b5c6d7e8f90';
rollback;
