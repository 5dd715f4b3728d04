alter table orders add constraint positive check (total > 0) not valid;
alter table orders validate constraint positive;
create table fresh (n int);
alter table fresh add check (n > 0);
