-- catalog
create table people (id bigint primary key, name varchar(20));
create view people_names as select id, name from people;
-- migration
-- expect
alter table people alter column name type text;
-- expect
alter table people drop column name;
