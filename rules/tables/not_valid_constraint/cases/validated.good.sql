create table customers (id int primary key);
create table orders (id int primary key, customer int references customers, amount numeric check (amount > 0));
