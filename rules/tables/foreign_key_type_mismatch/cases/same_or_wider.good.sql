create table orders (id int primary key, code varchar(10) unique);
create domain order_id as int;
create table lines (id int primary key, a int references orders, b bigint references orders, c order_id references orders, d text references orders (code));
