create table fresh (a int, b int);
alter table fresh drop column b;
alter table orders add column temporary_column int;
alter table orders drop column temporary_column;
