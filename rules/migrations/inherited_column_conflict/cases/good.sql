create table events (at date, note text) partition by range (at);
create table events_1 partition of events for values from ('2026-01-01') to ('2027-01-01');
alter table events drop column note;
create table base (id int, body text);
create table derived (own text) inherits (base);
alter table derived drop column own;
alter table derived add column more int;
