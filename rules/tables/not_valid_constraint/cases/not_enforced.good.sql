-- majors: 18-18
create table orders (id int primary key, amount numeric);
alter table orders add constraint positive check (amount > 0) not enforced;
