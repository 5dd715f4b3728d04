create table fresh (a int not null);
alter table fresh alter a drop not null;
