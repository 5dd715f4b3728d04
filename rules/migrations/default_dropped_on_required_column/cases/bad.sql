alter table orders add column region text not null default 'eu';
-- expect
alter table orders alter column region drop default;
