-- expect
create table t (id serial primary key);
-- expect
create table u (id integer primary key, a int);
-- expect
create table v (id int generated always as identity);
