-- expect: public."Visits other"
create table visits (at date not null, note text) partition by range (at);
create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
create table "Visits other" partition of visits default;
insert into visits select '2026-05-05', 'x' from generate_series(1, 100);
analyze visits;
