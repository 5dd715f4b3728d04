-- expect
alter table orders add constraint positive check (total > 0);
-- expect
alter table orders add column n int default 1 check (n > 0);
