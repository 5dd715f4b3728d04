-- expect: public.visits_at_idx
create table visits (at timestamptz not null, page text) partition by range (at);
create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
create table "Visits 2026" partition of visits for values from ('2026-01-01') to ('2027-01-01');
create index visits_at_idx on only visits (at);
create index visits_2025_at on visits_2025 (at);
