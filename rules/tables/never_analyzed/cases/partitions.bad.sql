-- expect: public.visits
create table visits (at date not null, note text) partition by range (at);
create table visits_a partition of visits for values from ('2025-01-01') to ('2026-01-01');
create table visits_b partition of visits for values from ('2026-01-01') to ('2027-01-01');
insert into visits select '2025-05-05', repeat('x', 500) from generate_series(1, 5000) n;
insert into visits select '2026-05-05', repeat('x', 500) from generate_series(1, 5000) n;
