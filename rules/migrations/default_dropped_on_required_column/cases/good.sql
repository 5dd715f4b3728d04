alter table orders add column note text default 'x';
alter table orders alter column note drop default;
alter table orders alter column old_column drop default;
