create table events (at date, note text) partition by range (at);
create table events_1 partition of events for values from ('2026-01-01') to ('2027-01-01');
-- expect
alter table events_1 drop column note;
-- expect
alter table events_1 add column extra int;
create table base (id int, body text);
create table derived (own text) inherits (base);
-- expect
alter table derived alter column body type varchar(9);
