alter table orders add constraint nn check (note is not null) not valid;
alter table orders validate constraint nn;
alter table orders alter column note set not null;
create table fresh (a int);
alter table fresh alter column a set not null;
