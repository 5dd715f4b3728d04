create table fresh (a int);
alter table fresh disable trigger user;
