create table fresh (a int);
alter table fresh set schema archive;
