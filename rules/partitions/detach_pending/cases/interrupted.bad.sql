-- expect: public."Visits 2025"
-- majors: 14-99
create table visits (at date not null, note text) partition by range (at);
create table "Visits 2025" partition of visits for values from ('2025-01-01') to ('2026-01-01');
create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
update pg_inherits set inhdetachpending = true where inhrelid = '"Visits 2025"'::regclass;
