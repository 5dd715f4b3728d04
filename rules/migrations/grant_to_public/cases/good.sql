grant insert on orders to reporting;
grant usage on schema public to public;
grant connect on database shop to public;
grant execute on function f() to public;
revoke all on orders from public;
