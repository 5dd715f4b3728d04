begin;
alter table orders add column note text;
-- expect
update orders set note = 'x';
commit;
