alter table orders add column note text;
update orders set note = 'x' where id between 1 and 1000;
begin;
alter table orders add column note2 text;
create table fresh (a int);
create index on fresh (a);
commit;
