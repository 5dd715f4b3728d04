begin;
alter table orders add constraint positive check (total > 0) not valid;
-- expect
alter table orders validate constraint positive;
commit;
