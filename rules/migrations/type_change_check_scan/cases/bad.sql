-- catalog
create table orders (code varchar(20) check (length(code) > 1), note varchar(20));
-- migration
-- expect
alter table orders alter column code type varchar(40);
