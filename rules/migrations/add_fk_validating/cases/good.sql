alter table orders add constraint fk foreign key (customer_id) references customers (id) not valid;
alter table orders validate constraint fk;
alter table orders add column customer_id bigint references customers (id);
create table fresh (id bigint, c bigint);
alter table fresh add foreign key (c) references customers (id);
