-- expect: public.orders
create table orders (id int primary key);
create function nothing() returns trigger language plpgsql as 'begin return new; end';
create trigger "Audit it" before insert on orders for each row execute function nothing();
create trigger other before insert on orders for each row execute function nothing();
alter table orders disable trigger "Audit it";
