create table fresh (a int);
alter table fresh rename column a to b;
