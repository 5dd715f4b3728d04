begin;
-- expect
lock table orders in access exclusive mode;
commit;
