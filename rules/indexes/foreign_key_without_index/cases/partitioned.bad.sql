-- expect: public.visits (person)
create table person (id int primary key);
create table visits (at date not null, person int references person) partition by range (at);
create table visits_a partition of visits for values from ('2025-01-01') to ('2026-01-01');
create table visits_b partition of visits for values from ('2026-01-01') to ('2027-01-01');
insert into person select generate_series(1, 100);
insert into visits select '2025-06-01', 1 + n % 100 from generate_series(1, 1000) n;
insert into visits select '2026-06-01', 1 + n % 100 from generate_series(1, 1000) n;
analyze;
