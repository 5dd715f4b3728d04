-- expect: public."Order line" ("Order")
create table "Order" (id bigint primary key);
create table "Order line" (id bigint primary key, "Order" bigint not null references "Order");
insert into "Order" select generate_series(1, 2000);
insert into "Order line" select n, n from generate_series(1, 2000) n;
analyze;
