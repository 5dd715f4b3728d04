create table parts (id bigint, at date) partition by range (at);
create index parts_at on only parts (at);
create index concurrently on orders (at);
