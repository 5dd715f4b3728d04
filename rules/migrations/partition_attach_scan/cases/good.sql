alter table events_2025 add constraint b check (at >= '2025-01-01' and at < '2026-01-01') not valid;
alter table events_2025 validate constraint b;
alter table events attach partition events_2025 for values from ('2025-01-01') to ('2026-01-01');
create table events_2026 (like events including all);
alter table events attach partition events_2026 for values from ('2026-01-01') to ('2027-01-01');
