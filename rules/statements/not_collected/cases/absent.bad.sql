-- expect: pg_stat_statements
create table orders (id int primary key);
