create function f() returns int language sql security definer set search_path = '' as 'select 1';
create function g() returns int language sql security definer as 'select 1';
alter function g() set search_path = pg_catalog, pg_temp;
create function h() returns int language sql as 'select 1';
alter function f() security definer;
create function i() returns int language sql security definer begin atomic select 1; end;
