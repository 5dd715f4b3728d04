begin;
alter table orders rename to purchases;
create view orders as select * from purchases;
commit;
create table fresh (a int);
alter table fresh rename to fresher;
