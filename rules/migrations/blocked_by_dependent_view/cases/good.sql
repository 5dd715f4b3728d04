-- catalog
create table people (id bigint primary key, name varchar(20), note text);
create view people_names as select id, name from people;
-- migration
alter table people alter column note type varchar(10);
