-- expect
alter table orders alter column id type bigint;
create table known (id bigint, a varchar(20), n numeric(10, 2));
insert into known select * from elsewhere;
-- expect
alter table known alter column a type varchar(10);
-- expect
alter table known alter column n type numeric(12, 4);
