alter table events detach partition events_2024 concurrently;
create table fresh (at date) partition by range (at);
create table fresh_1 partition of fresh for values from ('2026-01-01') to ('2027-01-01');
alter table fresh detach partition fresh_1;
