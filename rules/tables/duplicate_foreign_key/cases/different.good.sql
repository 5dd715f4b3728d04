create table orders (id int primary key);
create table lines (id int primary key, a int references orders, b int references orders);
alter table lines add constraint other_action foreign key (a) references orders (id) on delete cascade;
