create table t (name text check (length(name) <= 80));
alter table orders add column country varchar;
