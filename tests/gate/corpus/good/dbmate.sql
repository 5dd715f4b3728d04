-- migrate:up
create table tags (id serial primary key, label text not null unique);
alter table tags add column colour text not null default 'red';

-- migrate:down
drop table tags;
alter table customers drop column x;
