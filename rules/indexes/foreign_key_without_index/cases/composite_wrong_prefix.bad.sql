-- expect: public.lines (tenant, number)
create table orders (tenant int, number int, primary key (tenant, number));
create table lines (tenant int, number int, item int, foreign key (tenant, number) references orders);
create index on lines (tenant, item, number);
insert into orders select 1, n from generate_series(1, 3000) n;
insert into lines select 1, n, n from generate_series(1, 3000) n;
analyze;
