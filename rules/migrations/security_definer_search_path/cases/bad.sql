-- expect
create function f() returns int language sql security definer as 'select 1';
-- expect
create or replace procedure p() language plpgsql as 'begin null; end' security definer;
-- expect
alter function g() security definer;
