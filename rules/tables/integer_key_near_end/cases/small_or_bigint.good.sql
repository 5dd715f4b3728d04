create table events (id bigint primary key, note text);
insert into events select 2000000000 + n, 'x' from generate_series(1, 1000) n;
create table users (id integer primary key, height integer);
insert into users select n, 2000000000 from generate_series(1, 1000) n;
analyze;
