alter table users alter column name type text;
create table fresh (name text);
alter table fresh alter column name type text collate "C";
