-- expect
alter table events add primary key (id);
-- expect
alter table events add constraint events_pkey primary key (id, at);
