create unique index concurrently events_pkey on events (id);
alter table events add constraint events_pkey primary key using index events_pkey;
create table fresh (a int);
alter table fresh add primary key (a);
