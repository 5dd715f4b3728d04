-- catalog
create table events (at date) partition by range (at);
create table events_rest partition of events default;
-- migration
-- expect
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
