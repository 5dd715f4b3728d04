create table t (id bigserial primary key, a int);
create table u (a int, b int, primary key (a, b));
