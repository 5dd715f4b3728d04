create table orders (id serial primary key, n bigint generated always as identity);
select setval('orders_id_seq', 900000000);
select setval('orders_n_seq', 9000000000);
create sequence unused maxvalue 10;
create sequence around maxvalue 10 cycle;
select setval('around', 9);
