-- expect
grant insert, update on orders to public;
-- expect
grant select on orders to reporting, public;
-- expect
grant all on schema public to public;
-- expect
alter default privileges in schema sales grant all on tables to public;
-- expect
grant all on all tables in schema sales to public;
