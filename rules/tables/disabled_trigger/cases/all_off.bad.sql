-- expect: public."Line"
create table orders (id int primary key);
create table "Line" (id int primary key, "order" int references orders);
create function nothing() returns trigger language plpgsql as 'begin return new; end';
create trigger audit before insert on "Line" for each row execute function nothing();
alter table "Line" disable trigger all;
