create table t (at timestamptz not null);
alter table orders add column seen timestamp(3) with time zone;
