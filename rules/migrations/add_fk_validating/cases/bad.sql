-- expect
alter table orders add constraint fk foreign key (customer_id) references customers (id);
-- expect
alter table orders add foreign key (a, b) references other;
