alter table orders drop constraint positive, add constraint positive check (total >= 0) not valid;
create table fresh (a int constraint c check (a > 0));
alter table fresh drop constraint c;
