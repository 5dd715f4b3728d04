-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: nothing
create function greet() returns text language sql security definer as 'select ''x''::text';
-- case: bad, altered
-- measured: nothing
alter function fixed_code() security definer;
-- case: good, fixed
-- measured: nothing
create function greet() returns text language sql security definer set search_path = pg_catalog, pg_temp as 'select ''x''::text';
-- case: good, fixed afterwards
-- measured: nothing
create function greet() returns text language sql security definer as 'select ''x''::text';
alter function greet() set search_path = pg_catalog, pg_temp;
-- case: good, the caller's rights
-- measured: nothing
create function greet() returns text language sql security invoker as 'select ''x''::text';
