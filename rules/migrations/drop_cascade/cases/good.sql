drop table customers;
create table fresh (a int);
drop table fresh cascade;
