create table fresh (a int);
drop table fresh;
