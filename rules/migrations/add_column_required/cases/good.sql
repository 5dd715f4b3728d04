alter table orders add column region text;
alter table orders add column region2 text not null default 'eu';
create table fresh (id bigint);
alter table fresh add column region text not null;
