create table orders (id int primary key);
create table lines (id int primary key, "order" int references orders);
create function nothing() returns trigger language plpgsql as 'begin return new; end';
create trigger audit before insert on orders for each row execute function nothing();
alter table orders enable replica trigger audit;
