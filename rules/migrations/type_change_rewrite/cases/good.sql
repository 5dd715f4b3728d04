alter table orders alter column note type text;
create table known (id bigint, a varchar(20), n numeric(10, 2));
insert into known select * from elsewhere;
alter table known alter column a type varchar(40);
alter table known alter column n type numeric(12, 2);
alter table known alter column a type text;
create table fresh (id int);
alter table fresh alter column id type bigint;
