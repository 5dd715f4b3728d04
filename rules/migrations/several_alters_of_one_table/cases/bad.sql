alter table orders add column a int;
-- expect
alter table orders add column b int;
-- expect
alter table orders drop column c, add column d int;
