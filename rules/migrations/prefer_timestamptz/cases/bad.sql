-- expect
create table t (at timestamp not null);
-- expect
alter table orders add column seen timestamp(3);
