-- expect
alter table orders disable row level security;
