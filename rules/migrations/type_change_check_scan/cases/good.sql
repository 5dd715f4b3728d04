-- catalog
create table orders (code varchar(20) check (length(code) > 1), note varchar(20));
-- migration
alter table orders alter column note type varchar(40);
create table t (code varchar(20) check (length(code) > 1));
alter table t alter column code type varchar(40);
