-- expect: public.events.id
create table events (id integer primary key, note text);
insert into events select 2000000000 + n, 'x' from generate_series(1, 1000) n;
analyze events;
