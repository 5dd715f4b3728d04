-- expect: public."Orders"
create table "Orders" (id int primary key, note text);
insert into "Orders" select n, repeat('x', 500) from generate_series(1, 5000) n;
