begin;
-- expect
begin;
commit;
-- expect
commit;
