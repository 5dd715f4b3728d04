-- params: {"min_waste": "1MB", "min_fraction": 0.2}
create table events (id bigint primary key, kind int, flag boolean, at timestamptz, note text, other text, n numeric);
insert into events select n, n % 7, true, now(), 'note number ' || n, case when n % 3 = 0 then 'x' end, n * 1.5 from generate_series(1, 60000) n;
create table filled (id bigint primary key, note text) with (fillfactor = 50);
insert into filled select n, 'note number ' || n from generate_series(1, 60000) n;
create table wide (id bigint primary key, doc text);
insert into wide select n, (select string_agg(md5((n * 1000 + i)::text), '') from generate_series(1, 100) i) from generate_series(1, 1500) n;
vacuum analyze;
