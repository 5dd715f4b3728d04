create table parts (id bigint, at date) partition by range (at);
-- expect
create index concurrently on parts (at);
