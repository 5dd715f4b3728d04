-- expect: public.visits
create table visits (at date not null, note text) partition by range (at);
create unlogged table visits_a partition of visits for values from ('2025-01-01') to ('2026-01-01');
create unlogged table visits_b partition of visits for values from ('2026-01-01') to ('2027-01-01');
