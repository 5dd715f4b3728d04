-- expect: public."Orders by day"
create table orders (id bigint primary key, day date);
create index "Orders by day" on orders (day);
update pg_index set indisvalid = false where indexrelid = '"Orders by day"'::regclass;
