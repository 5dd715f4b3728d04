create table measures (id int, owner int) partition by range (id);
alter table measures add constraint owner_fk foreign key (owner) references customers (id);
alter table orders add constraint owner_fk foreign key (owner) references customers (id) not valid;
