-- expect: public.visits
create table visits (at date not null, id int, primary key (at, id)) partition by range (at);
create table visits_a partition of visits for values from ('2025-01-01') to ('2026-01-01') with (autovacuum_enabled = off);
create table visits_b partition of visits for values from ('2026-01-01') to ('2027-01-01') with (autovacuum_enabled = 'no');
