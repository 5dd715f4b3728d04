create table measures (id int, owner int) partition by range (id);
-- expect
alter table measures add constraint owner_fk foreign key (owner) references customers (id) not valid;
