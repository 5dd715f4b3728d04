-- expect
create table t (name varchar(80));
-- expect
alter table orders add column country char(2);
