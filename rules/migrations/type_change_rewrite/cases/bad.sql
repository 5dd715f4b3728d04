-- catalog
create table orders (id int);
create table known (id bigint, a varchar(20), n numeric(10, 2));
-- migration
-- expect
alter table orders alter column id type bigint;
-- expect
alter table known alter column a type varchar(10);
-- expect
alter table known alter column n type numeric(12, 4);
