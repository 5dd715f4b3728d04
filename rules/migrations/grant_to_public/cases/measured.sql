-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, writing
-- measured: nothing
grant insert on orders to public;
-- case: bad, reading
-- measured: nothing
grant select on customers to public;
-- case: bad, creating
-- measured: nothing
grant create on schema sales to public;
-- case: good, taken away
-- measured: nothing
revoke all on orders from public;
-- case: good, a role
-- measured: nothing
grant select on orders to pg_monitor;
-- case: good, as it is by default
-- measured: nothing
grant usage on schema public to public;
grant execute on function fixed_code() to public;
